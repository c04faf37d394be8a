//! Subscriptions: which are made, which are refused, and how one goes on where it stopped (protocol §5, §8.3).

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::task::JoinSet;

use crate::person::Person;
use crate::server::Server;
use crate::stomp_client::{Carrier, StompClient, StompFrame};

const MESSAGES: &str = "/user/queue/chat/messages";

async fn scene() -> (Server, Person, Person, i64) {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    (server, alice, bob, group)
}

fn cursor(frame: &StompFrame) -> String {
    frame.header("cursor").expect("a cursor").to_owned()
}

async fn refusal(client: &mut StompClient, headers: &str) -> Json {
    client.say(&format!("SUBSCRIBE\n{headers}\n\0")).await;
    client.message("errors").await
}

#[tokio::test]
async fn each_subscription_gets_its_own_copy_and_the_first_of_an_id_stays() {
    let (_server, alice, bob, group) = scene().await;
    let mut client = bob.stomp(Carrier::WebSocket).await;
    client.subscribe("1", MESSAGES).await;
    client.subscribe("2", MESSAGES).await;
    client.subscribe("1", "/user/queue/chat/typing").await;
    alice.send(group, "Twice").await;
    assert_eq!(client.message("1").await, client.message("2").await);
    client.say_and_wait("UNSUBSCRIBE", "id:1\n", "").await;
    client.say_and_wait("UNSUBSCRIBE", &format!("destination:{MESSAGES}\n"), "").await;
    alice.send(group, "Once").await;
    assert_eq!(client.message("2").await["content"], "Once");
    // The id is free again.
    client.subscribe("1", "/user/queue/chat/typing").await;
    alice.gql_ok("mutation($id: ID!) { setTyping(conversationId: $id, typing: true) }", json!({ "id": group })).await;
    assert_eq!(client.message("1").await["typing"], true);
    client.say_and_wait("UNSUBSCRIBE", "id:2\n", "").await;
    alice.send(group, "Unheard").await;
    assert_eq!(client.message("1").await["typing"], false);
    client.is_quiet().await;
}

#[tokio::test]
async fn a_client_of_version_1_0_may_subscribe_without_an_id() {
    let (_server, alice, bob, group) = scene().await;
    let mut client = StompClient::open(bob.address, Carrier::Raw).await;
    client.say(&format!("CONNECT\nAuthorization:{}\n\n\0", bob.token)).await;
    assert_eq!(client.hear().await.header("version"), Some("1.0"));
    let destination = format!("destination:{MESSAGES}\n");
    client.say_and_wait("SUBSCRIBE", &destination, "").await;
    client.say_and_wait("SUBSCRIBE", &destination, "").await;
    alice.send(group, "Hello").await;
    let frame = client.hear().await;
    assert_eq!(frame.names(), ["cursor", "destination", "content-type", "message-id", "content-length"]);
    client.say_and_wait("UNSUBSCRIBE", &destination, "").await;
    alice.send(group, "Unheard").await;
    client.is_quiet().await;
}

#[tokio::test]
async fn what_cannot_be_subscribed_to_is_told_on_the_errors_queue_and_the_session_stays() {
    let (_server, alice, bob, group) = scene().await;
    let mut client = bob.stomp_on(Carrier::Raw, &["errors", "messages"]).await;
    for (destination, code) in [
        ("/user/1/queue/chat/messages", "FORBIDDEN"),
        ("/user/queue/chat/nonsense", "FORBIDDEN"),
        ("/user/queue/../messages", "FORBIDDEN"),
        ("/user/queue/**", "FORBIDDEN"),
        ("/queue/chat/messages-user1", "FORBIDDEN"),
        ("/topic/**", "FORBIDDEN"),
        ("/app/chat.send", "NOT_FOUND"),
        ("/USER/queue/chat/messages", "NOT_FOUND"),
        ("//user/queue/chat/messages", "NOT_FOUND"),
        ("/nope", "NOT_FOUND"),
        ("", "NOT_FOUND"),
    ] {
        let refused = refusal(&mut client, &format!("id:x\ndestination:{destination}\n")).await;
        assert_eq!(refused["code"], code, "{destination}");
        let sentence = match code {
            "FORBIDDEN" => "Failed to subscribe: This destination belongs to the server",
            _ => "Failed to subscribe: There is no such destination",
        };
        assert_eq!(refused["error"], sentence);
    }
    let long = "x".repeat(129);
    for (headers, sentence) in [
        (format!("destination:{MESSAGES}\n"), "A subscription needs an id"),
        (format!("id:{long}\ndestination:{MESSAGES}\n"), "The id of the subscription is too long"),
    ] {
        let refused = refusal(&mut client, &headers).await;
        assert_eq!(refused, json!({ "error": format!("Failed to subscribe: {sentence}"), "code": "BAD_REQUEST" }));
    }
    for id in 0..98 {
        client.say(&format!("SUBSCRIBE\nid:{id}\ndestination:/user/queue/chat/typing\n\n\0")).await;
    }
    let refused = refusal(&mut client, &format!("id:98\ndestination:{MESSAGES}\n")).await;
    assert_eq!(refused["error"], "Failed to subscribe: At most 100 subscriptions fit into one session");
    alice.send(group, "Still here").await;
    assert_eq!(client.message("messages").await["content"], "Still here");
}

#[tokio::test]
async fn nobody_hears_what_is_somebody_else_s() {
    let (server, alice, bob, group) = scene().await;
    let mallory = server.person("Mallory").await;
    let mut client = mallory.stomp_on(Carrier::Raw, &["messages", "typing", "presence", "receipts", "reactions"]).await;
    let mut hers = alice.stomp_on(Carrier::Raw, &["messages"]).await;
    for destination in [
        format!("/user/{}/queue/chat/messages", alice.id),
        "/queue/chat/messages-user*".to_owned(),
        "/topic/chat".to_owned(),
    ] {
        client.say_and_wait("SUBSCRIBE", &format!("id:{destination}\ndestination:{destination}\n"), "").await;
        // Nor can she say anything there.
        client.say_and_wait("SEND", &format!("destination:{destination}\n"), "{\"content\":\"Spoofed\"}").await;
    }
    client.say_and_wait("SEND", &format!("destination:{MESSAGES}\n"), "{\"content\":\"Spoofed\"}").await;
    let message = alice.send(group, "Secret").await;
    bob.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "👍" })).await.ok();
    bob.post_nothing(&format!("/conversations/{group}/read")).await.ok();
    assert_eq!(hers.message("messages").await["content"], "Secret");
    hers.is_quiet().await;
    client.is_quiet().await;
}

#[tokio::test]
async fn a_subscription_goes_on_after_a_cursor_without_gap_and_without_duplicate() {
    let (_server, alice, bob, group) = scene().await;
    let queues = ["messages", "reactions", "receipts", "conversations"];
    let mut client = bob.stomp_on(Carrier::Polling, &queues).await;
    let first = alice.send(group, "First").await;
    let from = cursor(&client.hear_for("messages").await);
    drop(client);
    let second = alice.send(group, "Second").await;
    alice.post(&format!("/messages/{first}/reactions"), json!({ "emoji": "👍" })).await.ok();
    bob.post_nothing(&format!("/conversations/{group}/read")).await.ok();
    alice.put(&format!("/conversations/{group}"), json!({ "name": "Crew" })).await.ok();
    alice.delete(&format!("/messages/{second}")).await.ok();

    let mut client = bob.stomp(Carrier::Streaming).await;
    for queue in queues {
        client.say(&format!("SUBSCRIBE\nid:{queue}\ndestination:/user/queue/chat/{queue}\nafter:{from}\n\n\0")).await;
    }
    let mut heard: Vec<(String, Json)> = Vec::new();
    for _ in 0..5 {
        let frame = client.hear().await;
        heard.push((frame.header("subscription").unwrap().to_owned(), frame.json()));
    }
    let of = |queue: &str| heard.iter().filter(|heard| heard.0 == queue).map(|heard| &heard.1).collect::<Vec<_>>();
    assert_eq!(of("messages").iter().map(|told| &told["id"]).collect::<Vec<_>>(), [second, second]);
    // What is replayed shows the present.
    assert!(of("messages").iter().all(|told| told["isDeleted"] == true && told["content"] == Json::Null));
    assert_eq!(of("reactions")[0]["reactionSummary"], json!({ "👍": 1 }));
    assert_eq!(of("receipts")[0]["lastReadMessageId"], second);
    let changed = of("conversations")[0];
    assert_eq!((&changed["event"], &changed["name"]), (&json!("updated"), &json!("Crew")));
    // And then it is live.
    alice.send(group, "Live").await;
    let live = client.hear().await;
    assert_eq!(live.json()["content"], "Live");
    client.is_quiet().await;
    let mut late = bob.stomp(Carrier::Raw).await;
    late.say(&format!("SUBSCRIBE\nid:1\ndestination:{MESSAGES}\nafter:{}\n\n\0", cursor(&live))).await;
    late.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_comes_back_again_and_again_misses_nothing_while_others_send() {
    let (_server, alice, bob, group) = scene().await;
    let mut client = bob.stomp_on(Carrier::Raw, &["messages"]).await;
    let mut heard = vec![alice.send(group, "0").await];
    let mut from = cursor(&client.hear().await);
    let sending = tokio::spawn(async move {
        let mut sent = Vec::new();
        for place in 1..200 {
            sent.push(alice.send(group, &place.to_string()).await);
        }
        sent
    });
    while heard.len() < 200 {
        // The old one, which has heard everything, and a new one that goes on in the same session.
        client.say(&format!("SUBSCRIBE\nid:{from}\ndestination:{MESSAGES}\nafter:{from}\n\n\0")).await;
        client.say("UNSUBSCRIBE\nid:messages\n\n\0").await;
        let subscription = from.clone();
        let most = 20.min(200 - heard.len());
        let mut taken = 0;
        while taken < most {
            let frame = client.hear().await;
            if frame.header("subscription") == Some(&subscription) {
                heard.push(frame.json()["id"].as_i64().unwrap());
                from = cursor(&frame);
                taken += 1;
            }
        }
        client = bob.stomp(Carrier::Raw).await;
    }
    heard.remove(0);
    assert_eq!(heard, sending.await.expect("everything is sent"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn going_back_disturbs_no_other_subscription_of_the_session() {
    let (_server, alice, bob, group) = scene().await;
    let mut client = bob.stomp_on(Carrier::Raw, &["messages"]).await;
    alice.send(group, "0").await;
    let from = cursor(&client.hear().await);
    for place in 1..=40 {
        alice.send(group, &place.to_string()).await;
    }
    client.say(&format!("SUBSCRIBE\nid:past\ndestination:{MESSAGES}\nafter:{from}\n\n\0")).await;
    alice.send(group, "41").await;
    let (mut plain, mut past) = (Vec::new(), Vec::new());
    for _ in 0..82 {
        let frame = client.hear().await;
        let heard = if frame.header("subscription") == Some("past") { &mut past } else { &mut plain };
        heard.push(frame.json()["content"].as_str().unwrap().to_owned());
    }
    let all: Vec<String> = (1..=41).map(|place: i32| place.to_string()).collect();
    assert_eq!((&plain, &past), (&all, &all));
    client.is_quiet().await;
}

#[tokio::test]
async fn a_refused_cursor_is_told_on_the_errors_queue_and_nothing_is_subscribed_to() {
    let (server, alice, bob, group) = scene().await;
    let mut client = bob.stomp_on(Carrier::Raw, &["errors", "messages"]).await;
    alice.send(group, "First").await;
    let old = cursor(&client.hear().await);
    let (epoch, position) = old.split_once('.').unwrap();
    let position: i64 = position.parse().unwrap();
    alice.send(group, "Second").await;
    client.hear().await;
    client.say_and_wait("UNSUBSCRIBE", "id:messages\n", "").await;
    let of = |after: &str| format!("id:again\ndestination:{MESSAGES}\nafter:{after}\n");
    for after in
        ["nonsense", "", &format!("{epoch}.{}", position + 1000), &format!("other.{position}"), &format!("{epoch}.-1")]
    {
        let refused = refusal(&mut client, &of(after)).await;
        let sentence = "Failed to subscribe: The cursor is not valid here";
        assert_eq!(refused, json!({ "error": sentence, "code": "BAD_REQUEST" }), "{after}");
    }
    server.meddle("UPDATE chat_log SET pruned_position = $1", vec![(position + 1).into()]).await;
    assert_eq!(refusal(&mut client, &of(&old)).await["code"], "CURSOR_EXPIRED");
    alice.send(group, "Unheard").await;
    client.is_quiet().await;
    // On a queue without a past the header means nothing.
    client.say_and_wait("SUBSCRIBE", "id:t\ndestination:/user/queue/chat/typing\nafter:nonsense\n", "").await;
}

/// Sends so many messages, through eight sessions at once.
fn send_all(alice: &Person, group: i64, many: usize, content: &str) -> JoinSet<()> {
    let body = json!({ "conversationId": group, "content": content }).to_string();
    let mut sending = JoinSet::new();
    for _ in 0..8 {
        let (alice, body) = (alice.clone(), body.clone());
        sending.spawn(async move {
            let mut session = alice.stomp(Carrier::Raw).await;
            for _ in 0..many / 8 {
                session.say_and_wait("SEND", "destination:/app/chat.send\n", &body).await;
            }
        });
    }
    sending
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_loses_no_message_and_delays_nobody() {
    let (server, alice, bob, group) = scene().await;
    let mut slow = StompClient::raw(server.address, "/ws/chat", &[], Some(4096)).await;
    slow.connect(&bob.token).await;
    slow.subscribe_to(&["messages"]).await;
    let mut framed = bob.stomp_on(Carrier::WebSocket, &["messages"]).await;
    let mut quick = bob.stomp_on(Carrier::Raw, &["messages"]).await;
    let sending = send_all(&alice, group, 2_000, &"x".repeat(4_000));
    let (mut heard, mut late) = (Vec::new(), Vec::new());
    for place in 0..2_000 {
        heard.push(quick.message("messages").await["id"].as_i64().unwrap());
        // Hardly anything: whoever takes nothing at all for a minute is given up.
        if place % 100 == 99 {
            late.push(slow.message("messages").await["id"].as_i64().unwrap());
        }
    }
    sending.join_all().await;
    assert!(heard.is_sorted(), "in the order of the ids");
    heard.dedup();
    assert_eq!(heard.len(), 2_000);
    while late.len() < 2_000 {
        late.push(slow.message("messages").await["id"].as_i64().unwrap());
    }
    assert_eq!(late, heard);
    for id in heard {
        assert_eq!(framed.message("messages").await["id"], id);
    }
    // And having caught up, they are live again.
    alice.send(group, "live").await;
    for client in [&mut slow, &mut framed] {
        assert_eq!(client.message("messages").await["content"], "live");
        client.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_beat_but_take_nothing_for_a_while_are_not_taken_for_silent() {
    let server = Server::start_with(|config| config.stomp.heartbeat_ms = 1000).await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let mut slow = Vec::new();
    for _ in 0..6 {
        let mut client = StompClient::raw(server.address, "/ws/chat", &[], Some(4096)).await;
        let connect = "CONNECT\naccept-version:1.2\nheart-beat:1000,0\nAuthorization:";
        client.say(&format!("{connect}{}\n\n\0", bob.token)).await;
        assert_eq!(client.hear().await.command, "CONNECTED");
        client.subscribe_to(&["messages"]).await;
        slow.push(client);
    }
    let mut quick = bob.stomp_on(Carrier::Raw, &["messages"]).await;
    // Six megabytes: more than the kernel keeps for somebody who does not read.
    let sending = send_all(&alice, group, 200, &"好".repeat(9_990));
    let mut heard = Vec::new();
    for place in 0..200 {
        heard.push(quick.message("messages").await["id"].clone());
        if place % 5 == 0 {
            beat(&mut slow).await;
        }
    }
    sending.join_all().await;
    for _ in 0..8 {
        assert_eq!(quick.next_within(Duration::from_millis(500)).await, None);
        beat(&mut slow).await;
    }
    for (place, id) in heard.iter().enumerate() {
        for client in &mut slow {
            assert_eq!(&client.message("messages").await["id"], id);
        }
        if place % 5 == 0 {
            beat(&mut slow).await;
        }
    }
}

async fn beat(clients: &mut [StompClient]) {
    for client in clients {
        client.say("\n").await;
    }
}
