//! Nothing is lost and nothing comes twice: slow readers, clients that come back with a cursor, and cursors that are
//! refused (protocol §8.2, §8.3, §8.8).

use futures_util::{StreamExt, stream};
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::Server;
use crate::sockets::GraphqlSocket;

const EVENTS: &str = "subscription($after: String) { events(after: $after) { __typename \
    ... on MessageEvent { cursor type message { id content isDeleted } } \
    ... on ReactionEvent { cursor type reaction { emoji } } \
    ... on ReceiptEvent { cursor type receipt { lastReadMessageId } } \
    ... on ParticipantEvent { cursor type conversationId participant { userId } } \
    ... on ConversationEvent { cursor type change { event conversation { id } } } } }";

async fn scene() -> (Server, Person, Person, i64) {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    (server, alice, bob, group)
}

/// Sends these, several at a time.
async fn send_all(senders: &[&Person], group: i64, contents: impl Iterator<Item = String>) {
    let sends = contents.enumerate().map(|(place, content)| {
        let sender = senders[place % senders.len()].clone();
        async move { sender.send(group, &content).await }
    });
    stream::iter(sends).buffer_unordered(8).collect::<Vec<_>>().await;
}

async fn head(person: &Person) -> String {
    let sync = person.gql_ok("{ sync { cursor hasMore events { __typename } } }", json!({})).await;
    assert_eq!((&sync["sync"]["hasMore"], &sync["sync"]["events"]), (&json!(false), &json!([])));
    sync["sync"]["cursor"].as_str().expect("a cursor").to_owned()
}

/// All message ids of a group, oldest first.
async fn history(person: &Person, group: i64) -> Vec<String> {
    let query = "query($id: ID!, $after: String) { conversation(id: $id) { messages(first: 100, after: $after) { \
                 nodes { id } pageInfo { hasNextPage endCursor } } } }";
    let (mut ids, mut after) = (Vec::new(), Json::Null);
    loop {
        let mut data = person.gql_ok(query, json!({ "id": group, "after": after })).await;
        let page = data["conversation"]["messages"].take();
        ids.extend(page["nodes"].as_array().expect("a list").iter().map(|message| text(&message["id"])));
        if page["pageInfo"]["hasNextPage"] == false {
            return ids;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_else(|| panic!("text was expected, not {value}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_was_slow_gets_every_message_once_and_in_order() {
    let (server, alice, bob, group) = scene().await;
    let protocol = ("Sec-WebSocket-Protocol", "graphql-transport-ws");
    let mut slow = GraphqlSocket::knock(server.address, &[protocol], Some(4096))
        .await
        .unwrap_or_else(|status| panic!("refused with {status}"));
    slow.init(&bob.token).await;
    // 15 MB in all: far more than the kernel and the connection's own queue hold for somebody who does not read.
    let aliases: String = (0..12).map(|number| format!("c{number}: content ")).collect();
    slow.subscribe("1", &format!("subscription {{ messages {{ id {aliases} }} }}"), json!({})).await;
    let mut quick = bob.subscribe("subscription { messages { id } }").await;
    send_all(&[&alice], group, (0..500).map(|place| format!("{place} {}", "x".repeat(2_500)))).await;
    let sent = history(&alice, group).await;
    assert_eq!(sent.len(), 500);
    for id in &sent {
        assert_eq!(&text(&quick.event().await["messages"]["id"]), id);
    }
    for id in &sent {
        assert_eq!(&text(&slow.event().await["messages"]["id"]), id);
    }
    // And having caught up, it is live again.
    let last = alice.send(group, "live").await;
    let heard = slow.event().await["messages"].clone();
    assert_eq!((text(&heard["id"]), text(&heard["c11"])), (last.to_string(), "live".to_owned()));
    slow.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_hear_the_same_order_which_is_that_of_the_ids() {
    let (server, alice, bob, group) = scene().await;
    let query = "subscription { messages { id } }";
    let mut sockets = vec![alice.subscribe(query).await, bob.subscribe(query).await, bob.subscribe(query).await];
    let carol = server.person("Carol").await;
    alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": [carol.id] })).await.ok();
    sockets.push(carol.subscribe(query).await);
    send_all(&[&alice, &bob, &carol], group, (0..150).map(|place| place.to_string())).await;
    let sent = history(&bob, group).await;
    for socket in &mut sockets {
        let mut heard = Vec::new();
        for _ in 0..150 {
            heard.push(text(&socket.event().await["messages"]["id"]));
        }
        assert_eq!(heard, sent);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_comes_back_again_and_again_misses_nothing_while_others_send() {
    let (_server, alice, bob, group) = scene().await;
    let mut cursor = head(&bob).await;
    let sending = tokio::spawn({
        let (alice, bob) = (alice.clone(), bob.clone());
        async move { send_all(&[&alice, &bob], group, (0..300).map(|place| place.to_string())).await }
    });
    let mut heard = Vec::new();
    while heard.len() < 300 {
        let mut socket = bob.socket().await;
        socket.subscribe_loudly("1", EVENTS, json!({ "after": cursor })).await;
        for _ in 0..25.min(300 - heard.len()) {
            let event = socket.event().await["events"].clone();
            cursor = text(&event["cursor"]);
            heard.push(text(&event["message"]["id"]));
        }
    }
    sending.await.expect("everything is sent");
    assert_eq!(heard, history(&bob, group).await);
}

#[tokio::test]
async fn a_resumed_subscription_tells_what_was_missed_as_it_is_now() {
    let (_server, alice, bob, group) = scene().await;
    let cursor = head(&bob).await;
    let (first, second) = (alice.send(group, "First").await, alice.send(group, "Second").await);
    alice.post(&format!("/messages/{first}/reactions"), json!({ "emoji": "👍" })).await.ok();
    bob.post(&format!("/conversations/{group}/read"), json!({ "lastReadMessageId": first })).await.ok();
    alice.delete(&format!("/messages/{second}")).await.ok();
    alice.put(&format!("/conversations/{group}"), json!({ "name": "Crew" })).await.ok();

    let mut socket = bob.socket().await;
    socket.subscribe_loudly("1", EVENTS, json!({ "after": cursor })).await;
    let mut heard = Vec::new();
    let mut cursors = Vec::new();
    for _ in 0..6 {
        let mut event = socket.event().await["events"].take();
        cursors.push(text(&event["cursor"]));
        event.as_object_mut().expect("an object").remove("cursor");
        event.as_object_mut().expect("an object").remove("__typename");
        heard.push(event);
    }
    let tombstone = json!({ "id": second.to_string(), "content": null, "isDeleted": true });
    let expected = [
        json!({ "type": "MESSAGE_SENT", "message": { "id": first.to_string(), "content": "First", "isDeleted": false } }),
        json!({ "type": "MESSAGE_SENT", "message": tombstone }),
        json!({ "type": "REACTION_ADDED", "reaction": { "emoji": "👍" } }),
        json!({ "type": "RECEIPT_MOVED", "receipt": { "lastReadMessageId": first.to_string() } }),
        json!({ "type": "MESSAGE_DELETED", "message": tombstone }),
        json!({ "type": "CONVERSATION_UPDATED", "change": { "event": "UPDATED", "conversation": { "id": group.to_string() } } }),
    ];
    assert_eq!(heard, expected);
    socket.is_quiet().await;
    // The same over a page at a time, and from any of the cursors.
    let query = "query($after: String) { sync(after: $after, first: 4) { hasMore cursor events { \
                 ... on MessageEvent { cursor } ... on ReactionEvent { cursor } ... on ReceiptEvent { cursor } \
                 ... on ConversationEvent { cursor } } } }";
    let page = bob.gql_ok(query, json!({ "after": cursor })).await["sync"].clone();
    let listed =
        |page: &Json| page["events"].as_array().unwrap().iter().map(|event| text(&event["cursor"])).collect::<Vec<_>>();
    assert_eq!((listed(&page), &page["hasMore"]), (cursors[..4].to_vec(), &json!(true)));
    assert_eq!(page["cursor"], json!(cursors[3]));
    let page = bob.gql_ok(query, json!({ "after": cursors[3] })).await["sync"].clone();
    assert_eq!(
        (listed(&page), &page["hasMore"], text(&page["cursor"])),
        (cursors[4..].to_vec(), &json!(false), cursors[5].clone())
    );
    assert!(cursors[5].len() <= 64);
}

#[tokio::test]
async fn a_resumed_subscription_does_not_disturb_the_others_of_its_connection() {
    let (_server, alice, bob, group) = scene().await;
    let start = head(&bob).await;
    alice.send(group, "0").await;
    let mut socket = bob.subscribe("subscription { messages { content } }").await;
    // Both are said at once, so that the messages are waiting when the second subscription rewinds.
    let expected: Vec<String> = (1..=20).map(|place| place.to_string()).collect();
    for content in &expected {
        alice.send(group, content).await;
    }
    let present = head(&bob).await;
    for (id, after) in [("past", &start), ("present", &present)] {
        let payload = json!({ "query": EVENTS, "variables": { "after": after } });
        socket.say(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }
    let last = alice.send(group, "last").await;
    let (mut plain, mut past, mut now) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..21 + 22 + 1 {
        let heard = socket.hear().await;
        let data = &heard["payload"]["data"];
        match heard["id"].as_str() {
            Some("1") => plain.push(text(&data["messages"]["content"])),
            Some("past") => past.push(text(&data["events"]["message"]["content"])),
            Some("present") => now.push(text(&data["events"]["message"]["id"])),
            other => panic!("{other:?}"),
        }
    }
    let mut all: Vec<String> = expected.clone();
    all.push("last".to_owned());
    assert_eq!(plain, all);
    all.insert(0, "0".to_owned());
    assert_eq!(past, all);
    assert_eq!(now, [last.to_string()]);
    socket.is_quiet().await;
}

#[tokio::test]
async fn whoever_was_removed_meanwhile_gets_only_the_removal_and_of_a_deleted_group_only_the_deletion() {
    let (_server, alice, bob, group) = scene().await;
    let doomed = alice.group("Doomed", &[&bob]).await;
    let cursor = head(&bob).await;
    alice.send(group, "Not for Bob any more").await;
    alice.send(doomed, "For nobody any more").await;
    alice.delete(&format!("/conversations/{group}/participants/{}", bob.id)).await.ok();
    alice.send(group, "Never for Bob").await;
    alice.gql_ok("mutation($id: ID!) { deleteConversation(conversationId: $id) }", json!({ "id": doomed })).await;
    let mut socket = bob.socket().await;
    socket.subscribe_loudly("1", EVENTS, json!({ "after": cursor })).await;
    let event = socket.event().await["events"].clone();
    assert_eq!(
        (&event["type"], &event["conversationId"], &event["participant"]["userId"]),
        (&json!("PARTICIPANT_REMOVED"), &json!(group.to_string()), &json!(bob.id.to_string()))
    );
    let event = socket.event().await["events"].clone();
    assert_eq!((&event["type"], &event["change"]["event"]), (&json!("CONVERSATION_DELETED"), &json!("DELETED")));
    socket.is_quiet().await;
}

#[tokio::test]
async fn a_cursor_that_cannot_be_served_is_refused_by_its_own_code() {
    let (server, alice, bob, group) = scene().await;
    let old = head(&bob).await;
    alice.send(group, "Hello").await;
    let (epoch, position) = old.split_once('.').expect("epoch and position");
    let future = format!("{epoch}.{}", position.parse::<i64>().unwrap() + 1000);
    let bad = [
        "1",
        ".",
        "abc",
        "0.0",
        &future,
        &format!("{epoch}."),
        &format!("{epoch}.-1"),
        &format!("{epoch}.1x"),
        &"9".repeat(70),
    ];
    let mut socket = bob.socket().await;
    let mut refused = async |after: &str, code: &str| {
        let payload = json!({ "query": EVENTS, "variables": { "after": after } });
        socket.say(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
        let answer = socket.hear().await;
        assert_eq!(
            (&answer["type"], &answer["payload"][0]["extensions"]["code"]),
            (&json!("error"), &json!(code)),
            "{after}: {answer}"
        );
        let (over_http, _) = bob
            .gql_refused("query($after: String) { sync(after: $after) { cursor } }", json!({ "after": after }))
            .await;
        assert_eq!(over_http, code, "{after}");
    };
    for after in bad {
        refused(after, "BAD_REQUEST").await;
    }
    let database = Database::connect(server.database_url()).await.expect("the database answers");
    database.execute_unprepared("UPDATE chat_log SET pruned_position = position").await.expect("the log can be pruned");
    database.close().await.ok();
    refused(&old, "CURSOR_EXPIRED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_resumes_costs_its_neighbours_nothing_even_on_another_node() {
    let (one, alice, bob, group) = scene().await;
    let other = one.twin().await;
    let mut socket = bob.at(other.address).socket().await;
    socket.subscribe("messages", "subscription { messages { id } }", json!({})).await;
    // The other node hears of these with its next look at the log; the cursor lies ahead of what it has heard.
    let mut sent = Vec::new();
    for number in 0..3 {
        sent.push(alice.send(group, &format!("{number}")).await.to_string());
    }
    let after = head(&alice).await;
    socket.subscribe_loudly("events", EVENTS, json!({ "after": after })).await;
    sent.push(alice.send(group, "last").await.to_string());
    let (mut messages, mut events) = (Vec::new(), Vec::new());
    while messages.len() < 4 || events.is_empty() {
        let said = socket.hear().await;
        let data = &said["payload"]["data"];
        match said["id"].as_str() {
            Some("messages") => messages.push(text(&data["messages"]["id"])),
            _ => events.push(text(&data["events"]["message"]["id"])),
        }
    }
    assert_eq!((messages, events), (sent.clone(), sent[3..].to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_to_many_questions_is_written_as_it_is_taken() {
    let (server, alice, bob, group) = scene().await;
    let mut slow =
        GraphqlSocket::knock(server.address, &[("Sec-WebSocket-Protocol", "graphql-transport-ws")], Some(4096))
            .await
            .unwrap_or_else(|status| panic!("refused with {status}"));
    slow.init(&bob.token).await;
    let aliases: String = (0..20).map(|number| format!("c{number}: content ")).collect();
    for number in 0..10 {
        // Every question differs, so that nothing is shared, and one is the viewer's own.
        let own = if number == 0 { "tempId" } else { "" };
        let query = format!("subscription Q{number} {{ messages {{ id {own} {aliases} }} }}");
        slow.subscribe(&number.to_string(), &query, json!({})).await;
    }
    send_all(&[&alice], group, (0..30).map(|place| format!("{place} {}", "x".repeat(5_000)))).await;
    let sent = history(&alice, group).await;
    let mut told = vec![Vec::new(); 10];
    for _ in 0..sent.len() * told.len() {
        let said = slow.hear().await;
        let place: usize = text(&said["id"]).parse().expect("a number");
        told[place].push(text(&said["payload"]["data"]["messages"]["id"]));
    }
    assert!(told.iter().all(|ids| *ids == sent), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_the_server_pretends_nothing_and_goes_on_afterwards() {
    let (server, alice, bob, group) = scene().await;
    let mut ear = bob.subscribe("subscription { messages { content sender { name } } }").await;
    let connection = Database::connect(server.database_url()).await.expect("the database answers");
    let lock = match connection.get_database_backend() {
        sea_orm::DbBackend::Postgres => "BEGIN; LOCK TABLE chat_log IN ACCESS EXCLUSIVE MODE",
        _ => "BEGIN IMMEDIATE",
    };
    let connection = {
        // One connection of the pool holds the lock until it is closed.
        let mut options = sea_orm::ConnectOptions::new(server.database_url());
        options.max_connections(1).sqlx_logging(false);
        connection.close().await.ok();
        Database::connect(options).await.expect("the database answers")
    };
    connection.execute_unprepared(lock).await.expect("the lock is taken");
    let path = format!("/conversations/{group}/messages");
    let (one, two) =
        tokio::join!(alice.post(&path, json!({ "content": "lost" })), bob.post(&path, json!({ "content": "too" })));
    for refused in [one, two] {
        refused.refused_with(503, "UNAVAILABLE");
        assert!(refused.header("retry-after").is_some());
    }
    connection.close().await.ok();
    let sent = alice.send(group, "kept").await.to_string();
    assert_eq!(ear.event().await["messages"], json!({ "content": "kept", "sender": { "name": "Alice" } }));
    assert_eq!(history(&alice, group).await, [sent]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_of_others_is_looked_through_in_portions_and_what_comes_after_it_is_found() {
    let mut server = Server::start_with(|config| config.limits.creations_per_minute = 0).await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    // Too many for a look into each of them.
    for number in 0..65 {
        bob.group(&format!("Bob's {number}"), &[]).await;
    }
    let start = bob.get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned();
    server.stop().await;
    // What happened among strangers: more than one call looks through.
    let numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 60000) ";
    let insert = "INSERT INTO chat_events (position, event_type, conversation_id, user_id, created_at) \
                  SELECT l.position + n, 'conversation.updated', 999999, 999999, \
                  (SELECT MAX(created_at) FROM chat_events) FROM numbers, chat_log l ORDER BY n DESC";
    // The last one first: on PostgreSQL each that moved the log would leave a version of its row to all that follow.
    server.meddle(&format!("{numbers}{insert}"), Vec::new()).await;
    server.meddle("UPDATE chat_log SET position = position + 60000", Vec::new()).await;
    server.resume().await;
    let (alice, bob) = (alice.at(server.address), bob.at(server.address));
    let sent = alice.send(group, "After all that").await;

    let found = alice.get(&format!("/events?after={start}")).await;
    let at_once = (&found.data()[0]["data"]["id"], &found.body["page"]["hasMore"]);
    assert_eq!(at_once, (&json!(sent), &json!(false)), "to somebody in few conversations");
    let first = bob.get(&format!("/events?after={start}")).await;
    assert_eq!((first.data(), &first.body["page"]["hasMore"]), (&json!([]), &json!(true)));
    let next = first.body["page"]["next"].as_str().expect("a cursor").to_owned();
    let second = bob.get(&format!("/events?after={next}")).await;
    assert_eq!((&second.data()[0]["data"]["id"], &second.body["page"]["hasMore"]), (&json!(sent), &json!(false)));
    // Whoever subscribes gets it without asking again, over both doors.
    let mut socket = bob.socket().await;
    socket.subscribe_loudly("1", EVENTS, json!({ "after": start })).await;
    assert_eq!(socket.event().await["events"]["message"]["id"], sent.to_string());
    let mut client = bob.stomp(crate::stomp_client::Carrier::Raw).await;
    client.say(&format!("SUBSCRIBE\nid:m\ndestination:/user/queue/chat/messages\nafter:{start}\n\n\0")).await;
    assert_eq!(client.message("m").await["id"], sent);
    let again = alice.send(group, "And now").await;
    assert_eq!(socket.event().await["events"]["message"]["id"], again.to_string());
    assert_eq!(client.message("m").await["id"], again);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_connections_of_one_user_that_are_behind_all_catch_up_and_others_are_answered_meanwhile() {
    let (_server, alice, bob, group) = scene().await;
    let start = head(&bob).await;
    send_all(&[&alice], group, (0..250).map(|place| place.to_string())).await;
    let sent = history(&alice, group).await;
    let behind = (0..12).map(async |_| {
        let mut socket = bob.socket().await;
        socket.subscribe_loudly("1", EVENTS, json!({ "after": start })).await;
        for id in &sent {
            assert_eq!(&text(&socket.event().await["events"]["message"]["id"]), id);
        }
    });
    let others = async {
        for _ in 0..20 {
            assert_eq!(alice.get(&format!("/conversations/{group}/messages")).await.status, 200);
        }
    };
    futures_util::future::join(futures_util::future::join_all(behind), others).await;
}
