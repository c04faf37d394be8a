//! What one event costs: what is alike for all who listen is read and written once, and what is a viewer's own for all
//! of them together (protocol §8.8).

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::Server;
use crate::sockets::GraphqlSocket;
use crate::stomp_client::{Carrier, StompClient};

const CHANGES: &str = "subscription { conversationChanges { event conversation { name participantCount } } }";
const OWN_CHANGES: &str =
    "subscription { conversationChanges { event conversation { name participantCount unreadCount muted } } }";

/// Alice's group with so many others in it.
async fn crowd(server: &Server, others: usize) -> (Person, Vec<Person>, i64) {
    let alice = server.person("Alice").await;
    let mut people = Vec::new();
    for number in 0..others {
        people.push(server.person(&format!("Person {number}")).await);
    }
    let group = alice.group("Crowd", &people.iter().collect::<Vec<_>>()).await;
    (alice, people, group)
}

/// Statements until `work` has been done and nothing more is asked of the database: the smallest of a few counts, since
/// the server has chores of its own.
async fn statements(server: &Server, mut work: impl AsyncFnMut(usize)) -> u64 {
    let mut smallest = u64::MAX;
    for turn in 0..4 {
        let before = server.statements();
        work(turn).await;
        let mut counted = server.statements();
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if server.statements() == counted {
                break;
            }
            counted = server.statements();
        }
        smallest = smallest.min(counted - before);
    }
    smallest
}

/// What each hears next.
async fn hear_each(clients: &mut [StompClient]) -> Vec<Json> {
    join_all(clients.iter_mut().map(async |client| client.hear_for("conversations").await.json())).await
}

async fn hear_each_change(sockets: &mut [GraphqlSocket]) -> Vec<Json> {
    join_all(sockets.iter_mut().map(async |socket| socket.event().await["conversationChanges"].clone())).await
}

/// What renaming a group costs that so many others listen to, over STOMP and with two questions of GraphQL.
async fn cost_of_a_name(listeners: usize) -> [u64; 3] {
    let server = Server::start().await;
    let (alice, people, group) = crowd(&server, listeners).await;
    alice.send(group, "Unread").await;
    let mut costs = [0; 3];
    let rename = async |turn: usize| {
        let name = format!("Name {turn}");
        alice.put(&format!("/conversations/{group}"), json!({ "name": name })).await.ok();
        name
    };
    let mut clients = Vec::new();
    for person in &people {
        clients.push(person.stomp_on(Carrier::Raw, &["conversations"]).await);
    }
    costs[0] = statements(&server, async |turn| {
        let name = rename(turn).await;
        for heard in hear_each(&mut clients).await {
            assert_eq!((&heard["name"], &heard["unreadCount"]), (&json!(name), &json!(1)));
        }
    })
    .await;
    drop(clients);
    for (place, question) in [CHANGES, OWN_CHANGES].into_iter().enumerate() {
        let mut sockets = Vec::new();
        for person in &people {
            sockets.push(person.subscribe(question).await);
        }
        costs[place + 1] = statements(&server, async |turn| {
            let name = rename(turn).await;
            for heard in hear_each_change(&mut sockets).await {
                assert_eq!(heard["conversation"]["name"], name);
                assert_eq!(*heard["conversation"].get("unreadCount").unwrap_or(&json!(1)), 1);
            }
        })
        .await;
    }
    costs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_conversation_costs_the_same_statements_however_many_listen() {
    let (one, many) = (cost_of_a_name(1).await, cost_of_a_name(30).await);
    println!("renamed for 1 listener: {one:?} statements, for 30: {many:?}");
    for (one, many) in one.into_iter().zip(many) {
        // Somebody who is slow may have to be shown it again; thirty times four statements would be the old cost.
        assert!(many <= one + 8, "{one} statements for one listener, {many} for thirty");
    }
}

/// What a message costs that so many hear who went on from cursors of their own.
async fn cost_of_a_resumed_message(listeners: usize) -> u64 {
    let server = Server::start().await;
    let (alice, people, group) = crowd(&server, listeners).await;
    let query = "subscription($after: String) { messages(after: $after) { content sender { name } } }";
    let mut sockets = Vec::new();
    for person in &people {
        alice.send(group, "before").await;
        let cursor = person.gql_ok("{ sync { cursor } }", json!({})).await["sync"]["cursor"].take();
        let mut socket = person.socket().await;
        socket.subscribe("1", query, json!({ "after": cursor })).await;
        sockets.push(socket);
    }
    // Those who came first hear what was sent for the later ones.
    for (place, socket) in sockets.iter_mut().enumerate() {
        for _ in place + 1..listeners {
            assert_eq!(socket.event().await["messages"]["content"], "before");
        }
    }
    statements(&server, async |turn| {
        alice.send(group, &format!("message {turn}")).await;
        for heard in join_all(sockets.iter_mut().map(async |socket| socket.event().await)).await {
            assert_eq!(
                heard["messages"],
                json!({ "content": format!("message {turn}"), "sender": { "name": "Alice" } })
            );
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_costs_the_same_statements_however_many_went_on_from_cursors_of_their_own() {
    let (one, many) = (cost_of_a_resumed_message(1).await, cost_of_a_resumed_message(20).await);
    assert!(many <= one + 4, "{one} statements for one listener, {many} for twenty");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_are_added_in_one_call_are_announced_once_and_stand_in_the_log_one_by_one() {
    let server = Server::start().await;
    let (alice, people, group) = crowd(&server, 2).await;
    let mut added = Vec::new();
    for number in 0..20 {
        added.push(server.person(&format!("Added {number}")).await);
    }
    let start = alice.get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned();
    let mut stomp = people[0].stomp_on(Carrier::Raw, &["conversations"]).await;
    let mut changes = people[1].subscribe(CHANGES).await;
    let mut own = people[1].subscribe(OWN_CHANGES).await;
    let mut log =
        people[1].subscribe("subscription { events { ... on ParticipantEvent { participant { userId } } } }").await;
    let mut first = added[0].stomp_on(Carrier::Raw, &["conversations"]).await;

    let ids: Vec<i64> = added.iter().map(|person| person.id).collect();
    alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": ids })).await.ok();

    let heard = stomp.message("conversations").await;
    assert_eq!((&heard["event"], &heard["participantCount"]), (&json!("updated"), &json!(23)));
    for socket in [&mut changes, &mut own] {
        let heard = socket.event().await["conversationChanges"].clone();
        assert_eq!((&heard["event"], &heard["conversation"]["participantCount"]), (&json!("UPDATED"), &json!(23)));
    }
    for id in &ids {
        assert_eq!(log.event().await["events"]["participant"]["userId"], id.to_string());
    }
    // Whoever comes first is told of that, and then of those who came with them.
    assert_eq!(first.message("conversations").await["event"], "created");
    assert_eq!(first.message("conversations").await["event"], "updated");
    stomp.is_quiet().await;
    changes.is_quiet().await;
    own.is_quiet().await;
    log.is_quiet().await;
    first.is_quiet().await;
    let events = alice.get(&format!("/events?after={start}")).await.ok();
    let told: Vec<&Json> = events.as_array().expect("a list").iter().map(|event| &event["type"]).collect();
    assert_eq!(told, vec![&json!("participant.added"); 20]);
}

#[tokio::test]
async fn changes_that_wait_together_are_told_once_on_the_queue_and_each_in_the_log() {
    let server = Server::start().await;
    let (alice, people, group) = crowd(&server, 1).await;
    let (bob, other) = (&people[0], alice.group("Other", &[&people[0]]).await);
    let start = bob.get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned();
    for number in 0..12 {
        for group in [group, other] {
            let name = json!({ "name": format!("Name {number}") });
            alice.put(&format!("/conversations/{group}"), name).await.ok();
        }
    }
    alice.delete(&format!("/conversations/{other}/participants/{}", bob.id)).await.ok();
    alice.post(&format!("/conversations/{other}/participants"), json!({ "userIds": [bob.id] })).await.ok();
    alice.put(&format!("/conversations/{other}"), json!({ "name": "Back" })).await.ok();

    let mut client = bob.stomp(Carrier::Raw).await;
    let subscribe =
        format!("SUBSCRIBE\nid:conversations\ndestination:/user/queue/chat/conversations\nafter:{start}\n\n\0");
    client.say(&subscribe).await;
    let mut heard = Vec::new();
    let mut last = String::new();
    for _ in 0..5 {
        let frame = client.hear().await;
        last = frame.header("cursor").expect("a cursor").to_owned();
        heard.push((frame.json()["id"].as_i64().expect("an id"), frame.json()["event"].clone()));
    }
    let expected = [(group, "updated"), (other, "updated"), (other, "left"), (other, "created"), (other, "updated")];
    assert_eq!(heard, expected.map(|(id, event)| (id, json!(event))));
    client.is_quiet().await;
    // Nothing comes again after the newest cursor, and the log has kept each.
    assert_eq!(bob.get(&format!("/events?after={last}")).await.ok(), json!([]));
    let events = bob.get(&format!("/events?after={start}")).await.ok();
    let updates = events.as_array().expect("a list").iter().filter(|event| event["type"] == "conversation.updated");
    assert_eq!(updates.count(), 25);
}

#[tokio::test]
async fn what_is_announced_is_what_the_viewer_would_read() {
    let server = Server::start().await;
    let (alice, people, group) = crowd(&server, 2).await;
    let (bob, carol) = (&people[0], &people[1]);
    // Metadata may look like what is a viewer's own.
    let own = json!({ "unreadCount": 0, "muted": false, "pinned": false, "archived": false });
    alice.send(group, "Earlier").await;
    let input = json!({ "content": "\"unreadCount\":0", "tempId": "t-1", "metadata": own });
    bob.post(&format!("/conversations/{group}/messages"), input).await.ok();
    bob.put(&format!("/conversations/{group}/mute"), json!({})).await.ok();
    carol.put(&format!("/conversations/{group}/pin"), json!({})).await.ok();
    carol.post_nothing(&format!("/conversations/{group}/read")).await.ok();
    let direct = alice.direct(bob).await;
    alice.send(direct, "Privately").await;

    let everybody = [&alice, bob, carol];
    let mut clients = Vec::new();
    for person in everybody {
        clients.push(person.stomp_on(Carrier::Raw, &["conversations"]).await);
    }
    alice.put(&format!("/conversations/{group}"), json!({ "description": "New" })).await.ok();
    for (person, client) in everybody.into_iter().zip(&mut clients) {
        let frame = client.hear_for("conversations").await;
        let read = person.get(&format!("/conversations/{group}")).await.text;
        let read = read.split_once("\"data\":").expect("data").1.strip_suffix('}').expect("an end").to_owned();
        let read = read.rsplit_once(",\"code\"").map_or(read.clone(), |(data, _)| data.to_owned());
        let announced = format!("{},\"event\":\"updated\"}}", read.strip_suffix('}').expect("an object"));
        assert_eq!(frame.body, announced, "{}", person.name);
    }
    // Settings of a direct conversation are one's own, and so is its name.
    alice.put(&format!("/conversations/{direct}/archive"), json!({})).await.ok();
    let heard = clients[0].message("conversations").await;
    assert_eq!((&heard["name"], &heard["archived"]), (&json!(bob.name), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connections_of_one_viewer_share_what_is_executed_for_a_question() {
    let server = Server::start().await;
    let (alice, people, group) = crowd(&server, 1).await;
    let bob = &people[0];
    let cost = async |connections: usize| {
        let mut sockets = Vec::new();
        for _ in 0..connections {
            let mut socket = bob.socket().await;
            for number in 0..5 {
                let query = "subscription { messages { number: tempId conversation { unreadCount } } }";
                let query = query.replace("number", &format!("n{number}"));
                socket.subscribe(&number.to_string(), &query, json!({})).await;
            }
            sockets.push(socket);
        }
        statements(&server, async |_| {
            alice.send(group, "Hello").await;
            join_all(sockets.iter_mut().map(async |socket| {
                for _ in 0..5 {
                    socket.event().await;
                }
            }))
            .await;
        })
        .await
    };
    let (one, many) = (cost(1).await, cost(12).await);
    println!("5 questions on 1 connection: {one} statements, on 12: {many}");
    assert!(many <= one + 8, "{one} statements for one connection, {many} for twelve");
}
