//! Chatting over STOMP: the six sends, the seven queues, and what each refuses (reference, STOMP Destinations).

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::payload::{self, CONVERSATION, MESSAGE, PRESENCE, keys, timeless, with};
use crate::person::Person;
use crate::server::Server;
use crate::stomp_client::{Carrier, StompClient};

async fn scene() -> (Server, Person, Person, i64) {
    scene_of(Server::start().await).await
}

async fn scene_of(server: Server) -> (Server, Person, Person, i64) {
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    (server, alice, bob, group)
}

/// The next presence of somebody, whatever is told of others before.
async fn presence_of(client: &mut StompClient, person: &Person) -> Json {
    loop {
        let told = client.message("presence").await;
        if told["userId"] == person.id {
            return told;
        }
    }
}

#[tokio::test]
async fn a_message_is_sent_as_the_reference_says_and_its_temp_id_comes_back_to_its_sender_only() {
    let (_server, alice, bob, group) = scene().await;
    let mut hers = alice.stomp_on(Carrier::WebSocket, &["messages"]).await;
    let mut her_phone = alice.stomp_on(Carrier::Raw, &["messages"]).await;
    let mut his = bob.stomp_on(Carrier::Raw, &["messages"]).await;
    let request = json!({ "conversationId": group, "content": "Hello!", "messageType": "TEXT", "parentMessageId": null,
        "attachmentIds": [], "metadata": { "a": [1] }, "tempId": "temp-123", "unknown": 1 });
    hers.send("send", request.clone()).await;
    let frame = his.hear().await;
    assert_eq!(keys(&frame.body, ""), MESSAGE);
    let told = frame.json();
    let id = told["id"].as_i64().unwrap();
    let plain = payload::message(id, group, (alice.id, "Alice"), "Hello!");
    assert_eq!(timeless(&told), with(plain.clone(), json!({ "metadata": { "a": [1] } })));
    for client in [&mut hers, &mut her_phone] {
        let frame = client.hear().await;
        assert_eq!(keys(&frame.body, "").last().map(String::as_str), Some("tempId"));
        assert_eq!(
            timeless(&frame.json()),
            with(plain.clone(), json!({ "metadata": { "a": [1] }, "tempId": "temp-123" }))
        );
    }
    // The same once more makes no second message, and with other words it is refused.
    hers.say_and_wait("SEND", "destination:/app/chat.send\n", &request.to_string()).await;
    hers.subscribe_to(&["errors"]).await;
    hers.send("send", with(request, json!({ "content": "Other" }))).await;
    assert_eq!(hers.message("errors").await["code"], "CONFLICT");

    hers.send("send", json!({ "conversationId": group, "content": "Reply", "parentMessageId": id })).await;
    assert_eq!(his.message("messages").await["parentMessageId"], id);
    his.is_quiet().await;
}

#[tokio::test]
async fn reactions_markers_and_typing_are_told_to_whom_they_concern() {
    let (_server, alice, bob, group) = scene().await;
    let queues = ["reactions", "receipts", "typing", "errors"];
    let mut hers = alice.stomp_on(Carrier::Raw, &queues).await;
    let mut his = bob.stomp_on(Carrier::Streaming, &queues).await;
    let first = alice.send(group, "First").await;
    let second = alice.send(group, "Second").await;

    let order = ["messageId", "conversationId", "userId", "userName", "emoji", "added", "reactionSummary"];
    for (input, added, summary) in [
        (json!({ "messageId": first, "conversationId": group, "emoji": "👍", "add": true }), true, json!({ "👍": 1 })),
        (json!({ "messageId": first, "emoji": "❤️" }), true, json!({ "❤️": 1, "👍": 1 })),
        (
            json!({ "messageId": first, "conversationId": group, "emoji": "👍", "add": false }),
            false,
            json!({ "❤️": 1 }),
        ),
    ] {
        his.send("reaction", input.clone()).await;
        let frame = hers.hear().await;
        assert_eq!(keys(&frame.body, ""), order);
        let expected = json!({ "messageId": first, "conversationId": group, "userId": bob.id, "userName": "Bob",
                               "emoji": input["emoji"], "added": added, "reactionSummary": summary });
        assert_eq!(frame.json(), expected);
        // The actor hears it too, on every connection.
        assert_eq!(his.message("reactions").await, expected);
    }

    for (input, last) in [
        (json!({ "conversationId": group, "lastReadMessageId": first }), first),
        (json!({ "conversationId": group }), second),
    ] {
        his.send("markRead", input).await;
        let frame = hers.hear().await;
        assert_eq!(keys(&frame.body, ""), ["conversationId", "userId", "userName", "lastReadMessageId", "readAt"]);
        let expected = json!({ "conversationId": group, "userId": bob.id, "userName": "Bob", "lastReadMessageId": last, "readAt": "TIME" });
        assert_eq!(timeless(&frame.json()), expected);
        assert_eq!(timeless(&his.message("receipts").await), expected);
    }
    // The marker never moves back.
    his.say_and_wait(
        "SEND",
        "destination:/app/chat.markRead\n",
        &json!({ "conversationId": group, "lastReadMessageId": first }).to_string(),
    )
    .await;

    his.send("typing", json!({ "conversationId": group, "typing": true })).await;
    let frame = hers.hear().await;
    assert_eq!(keys(&frame.body, ""), ["conversationId", "userId", "userName", "typing", "expiresAt"]);
    let typing =
        json!({ "conversationId": group, "userId": bob.id, "userName": "Bob", "typing": true, "expiresAt": "TIME" });
    assert_eq!(timeless(&frame.json()), typing);
    his.send("typing", json!({ "conversationId": group, "typing": false })).await;
    assert_eq!(hers.message("typing").await, with(typing, json!({ "typing": false, "expiresAt": null })));
    his.is_quiet().await;
    hers.is_quiet().await;
}

#[tokio::test]
async fn typing_ends_by_itself_and_with_the_typists_next_message() {
    let server = Server::start_with(|config| config.chat.typing_indicator_ttl_seconds = 1).await;
    let (_server, alice, bob, group) = scene_of(server).await;
    let mut hers = alice.stomp_on(Carrier::Raw, &["typing"]).await;
    let mut his = bob.stomp(Carrier::Raw).await;
    let started = Instant::now();
    his.send("typing", json!({ "conversationId": group, "typing": true })).await;
    assert_eq!(hers.message("typing").await["typing"], true);
    assert_eq!(hers.message("typing").await["typing"], false);
    assert!(started.elapsed() >= Duration::from_millis(900));
    his.send("typing", json!({ "conversationId": group, "typing": true })).await;
    his.send("send", json!({ "conversationId": group, "content": "Done" })).await;
    assert_eq!(hers.message("typing").await["typing"], true);
    assert_eq!(hers.message("typing").await["typing"], false);
    assert_eq!(hers.next_within(Duration::from_millis(1200)).await, None, "it has ended once");
}

#[tokio::test]
async fn connecting_makes_one_online_and_the_end_of_the_last_connection_offline() {
    let (_server, alice, bob, _) = scene().await;
    let mut hers = alice.stomp_on(Carrier::Raw, &["presence"]).await;
    // Opening alone makes nobody anything.
    let mut unknown = StompClient::open_with(bob.address, Carrier::Raw, &format!("?token={}", bob.token)).await;
    hers.is_quiet_about(&bob).await;
    unknown.connect(&bob.token).await;
    let told = presence_of(&mut hers, &bob).await;
    assert_eq!((&told["status"], &told["online"]), (&json!("ONLINE"), &json!(true)));
    let mut second = bob.stomp(Carrier::Polling).await;
    unknown.disconnect().await;
    drop(unknown);
    // The chat.presence of the reference.
    second.send("presence", json!({ "online": true, "deviceType": "web", "browserInfo": "Firefox" })).await;
    let frame = loop {
        let frame = hers.hear().await;
        if frame.json()["userId"] == bob.id {
            break frame;
        }
    };
    assert_eq!(keys(&frame.body, ""), PRESENCE);
    let online = json!({ "userId": bob.id, "userName": "Bob", "status": "ONLINE", "online": true, "statusMessage": null,
                         "deviceType": "web", "lastSeenAt": "TIME" });
    assert_eq!(timeless(&frame.json()), online);
    let offline = with(online.clone(), json!({ "status": "OFFLINE", "online": false, "deviceType": null }));
    second.send("presence", json!({ "online": false })).await;
    assert_eq!(timeless(&presence_of(&mut hers, &bob).await), offline);
    second.send("presence", json!({ "online": true })).await;
    assert_eq!(timeless(&presence_of(&mut hers, &bob).await), online);
    second.say_and_wait("SEND", "destination:/app/chat.heartbeat\n", "").await;
    let left = Instant::now();
    second.disconnect().await;
    assert_eq!(timeless(&presence_of(&mut hers, &bob).await), offline);
    assert!(left.elapsed() >= Duration::from_secs(4), "a few seconds' grace");
}

impl StompClient {
    /// Asserts that nothing is told of somebody's presence for a while.
    async fn is_quiet_about(&mut self, person: &Person) {
        while let Some(heard) = self.next_within(Duration::from_millis(300)).await {
            let crate::stomp_client::Heard::Text(text) = heard else { panic!("{heard:?}") };
            assert!(!text.contains(&format!("\"userId\":{},", person.id)), "{text}");
        }
    }
}

#[tokio::test]
async fn each_send_that_is_refused_says_so_to_its_own_session_only() {
    let (server, alice, bob, group) = scene().await;
    let carol = server.person("Carol").await;
    let secret = carol.group("Secret", &[]).await;
    let hidden = carol.send(secret, "Hidden").await;
    let message = alice.send(group, "Hello").await;
    let mut client = bob.stomp_on(Carrier::WebSocket, &["errors"]).await;
    let mut deaf = bob.stomp(Carrier::Raw).await;
    let mut others = [bob.stomp_on(Carrier::Raw, &["errors"]).await, alice.stomp_on(Carrier::Raw, &["errors"]).await];
    let stranger = "You are not a participant in this conversation";
    for (to, body, code, sentence) in [
        (
            "send",
            json!({ "conversationId": 99, "content": "x" }),
            "NOT_FOUND",
            "Failed to send message: Conversation not found",
        ),
        (
            "send",
            json!({ "conversationId": secret, "content": "x" }),
            "FORBIDDEN",
            &format!("Failed to send message: {stranger}"),
        ),
        (
            "send",
            json!({ "conversationId": group, "content": "" }),
            "BAD_REQUEST",
            "Failed to send message: A message needs content or an attachment",
        ),
        ("send", json!({ "content": "x" }), "BAD_REQUEST", "Failed to send message: "),
        (
            "send",
            json!({ "conversationId": group.to_string(), "content": "x" }),
            "BAD_REQUEST",
            "Failed to send message: ",
        ),
        (
            "send",
            json!({ "conversationId": group, "content": "x", "parentMessageId": hidden }),
            "NOT_FOUND",
            "Failed to send message: ",
        ),
        (
            "send",
            json!({ "conversationId": group, "content": "x", "messageType": "SYSTEM" }),
            "BAD_REQUEST",
            "Failed to send message: ",
        ),
        ("send", json!([]), "BAD_REQUEST", "Failed to send message: "),
        (
            "typing",
            json!({ "conversationId": secret, "typing": true }),
            "FORBIDDEN",
            &format!("Failed to update typing: {stranger}"),
        ),
        ("typing", json!({ "conversationId": group }), "BAD_REQUEST", "Failed to update typing: "),
        ("markRead", json!({ "conversationId": secret }), "FORBIDDEN", &format!("Failed to mark as read: {stranger}")),
        (
            "markRead",
            json!({ "conversationId": group, "lastReadMessageId": hidden }),
            "NOT_FOUND",
            "Failed to mark as read: ",
        ),
        (
            "reaction",
            json!({ "messageId": message, "emoji": "nonsense", "add": true }),
            "BAD_REQUEST",
            "Failed to update reaction: ",
        ),
        (
            "reaction",
            json!({ "messageId": hidden, "emoji": "👍", "add": true }),
            "FORBIDDEN",
            "Failed to update reaction: ",
        ),
        (
            "reaction",
            json!({ "messageId": message, "conversationId": secret, "emoji": "👍" }),
            "NOT_FOUND",
            "Failed to update reaction: ",
        ),
        ("presence", json!({ "online": "yes" }), "BAD_REQUEST", "Failed to update presence: "),
        ("presence", json!({ "status": "BUSY" }), "BAD_REQUEST", "Failed to update presence: "),
        ("nonsense", json!({}), "NOT_FOUND", "Failed to send: There is no such destination"),
        ("send/", json!({}), "NOT_FOUND", "Failed to send: There is no such destination"),
    ] {
        client.send(to, body.clone()).await;
        let frame = client.hear().await;
        assert_eq!(
            (frame.header("subscription"), keys(&frame.body, "")),
            (Some("errors"), vec!["error".to_owned(), "code".to_owned()])
        );
        let told = frame.json();
        assert_eq!(told["code"], code, "{to} {body} {told}");
        let said = told["error"].as_str().unwrap();
        assert!(said.starts_with(sentence) && !said.ends_with(": "), "{to} {body} {said}");
        deaf.send(to, body).await;
    }
    for (destination, code) in [
        ("/topic/x", "FORBIDDEN"),
        ("/queue/x", "FORBIDDEN"),
        ("/user/queue/chat/messages", "FORBIDDEN"),
        ("/user/1/queue/chat/messages", "FORBIDDEN"),
        ("/app/chat.sen\u{0501}", "NOT_FOUND"),
        ("/app//chat.send", "NOT_FOUND"),
        ("/app/chat%2Esend", "NOT_FOUND"),
        ("chat.send", "NOT_FOUND"),
    ] {
        client.say(&format!("SEND\ndestination:{destination}\n\n{{}}\0")).await;
        assert_eq!(client.message("errors").await["code"], code, "{destination}");
    }
    client.say("SEND\n\n\0").await;
    assert_eq!(client.message("errors").await["code"], "NOT_FOUND");
    client.say("SEND\ndestination:/app/chat.send\n\n{\"conversationId\":1,\0").await;
    assert_eq!(client.message("errors").await["code"], "BAD_REQUEST");
    deaf.say_and_wait("ACK", "", "").await;
    for other in &mut others {
        other.is_quiet().await;
    }
}

#[tokio::test]
async fn a_rate_limit_is_told_with_the_seconds_to_wait() {
    let server = Server::start_with(|config| config.limits.messages_per_minute = 2).await;
    let (_server, alice, _, group) = scene_of(server).await;
    let mut client = alice.stomp_on(Carrier::Raw, &["errors", "messages"]).await;
    for place in 0..3 {
        client.send("send", json!({ "conversationId": group, "content": place.to_string() })).await;
    }
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.push(client.hear().await);
    }
    let refused = heard.iter().find(|frame| frame.header("subscription") == Some("errors")).expect("an error").json();
    assert_eq!(refused["code"], "RATE_LIMITED");
    assert!((1..=60).contains(&refused["retryAfterSeconds"].as_u64().unwrap()), "{refused}");
    assert_eq!(alice.get(&format!("/conversations/{group}/messages")).await.ok().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn conversations_are_announced_with_what_became_of_them() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let carol = server.person("Carol").await;
    let mut client = bob.stomp_on(Carrier::Raw, &["conversations"]).await;
    let group = alice.group("Party", &[&bob]).await;
    let frame = client.hear().await;
    let mut order = CONVERSATION.to_vec();
    order.push("event");
    assert_eq!(keys(&frame.body, ""), order);
    let seen = bob.get(&format!("/conversations/{group}")).await.ok();
    assert_eq!(frame.json(), with(seen, json!({ "event": "created" })));
    let mut told = async |event: &str, name: &str, count: i64| {
        let told = client.message("conversations").await;
        let seen = (&told["event"], &told["name"], &told["participantCount"]);
        assert_eq!(seen, (&json!(event), &json!(name), &json!(count)), "{told}");
    };
    alice.put(&format!("/conversations/{group}"), json!({ "name": "Ball" })).await.ok();
    told("updated", "Ball", 2).await;
    alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": [carol.id] })).await.ok();
    told("updated", "Ball", 3).await;
    bob.fetch(bob.request(reqwest::Method::PUT, &format!("/api/chat/conversations/{group}/mute"))).await.ok();
    told("updated", "Ball", 3).await;
    carol.delete(&format!("/conversations/{group}")).await.ok();
    told("updated", "Ball", 2).await;
    bob.delete(&format!("/conversations/{group}")).await.ok();
    let left = client.message("conversations").await;
    assert_eq!((&left["event"], &left["id"]), (&json!("left"), &json!(group)));
    let doomed = alice.group("Doomed", &[&bob]).await;
    assert_eq!(client.message("conversations").await["event"], "created");
    alice.gql_ok("mutation($id: ID!) { deleteConversation(conversationId: $id) }", json!({ "id": doomed })).await;
    let deleted = client.message("conversations").await;
    assert_eq!((&deleted["event"], &deleted["id"]), (&json!("deleted"), &json!(doomed)));
    let direct = alice.direct(&bob).await;
    let created = client.message("conversations").await;
    assert_eq!(
        (&created["event"], &created["id"], &created["name"]),
        (&json!("created"), &json!(direct), &json!("Alice"))
    );
}

#[tokio::test]
async fn somebody_removed_hears_the_removal_and_then_nothing() {
    let (_server, alice, bob, group) = scene().await;
    let queues = ["messages", "typing", "receipts", "reactions", "conversations", "errors"];
    let mut client = bob.stomp_on(Carrier::Streaming, &queues).await;
    let message = alice.send(group, "Before").await;
    let from = client.hear_for("messages").await.header("cursor").unwrap().to_owned();
    alice.delete(&format!("/conversations/{group}/participants/{}", bob.id)).await.ok();
    alice.send(group, "After").await;
    alice.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "👍" })).await.ok();
    alice.post_nothing(&format!("/conversations/{group}/read")).await.ok();
    alice.gql_ok("mutation($id: ID!) { setTyping(conversationId: $id, typing: true) }", json!({ "id": group })).await;
    alice.put(&format!("/conversations/{group}"), json!({ "name": "Without Bob" })).await.ok();
    let left = client.message("conversations").await;
    assert_eq!((&left["event"], &left["id"], &left["lastMessage"]), (&json!("left"), &json!(group), &Json::Null));
    client.is_quiet().await;
    client.send("send", json!({ "conversationId": group, "content": "Me too" })).await;
    assert_eq!(client.message("errors").await["code"], "FORBIDDEN");
    // Nor does a cursor bring back what is not his any more.
    let mut again = bob.stomp(Carrier::Raw).await;
    for queue in &queues[..5] {
        again.say(&format!("SUBSCRIBE\nid:{queue}\ndestination:/user/queue/chat/{queue}\nafter:{from}\n\n\0")).await;
    }
    assert_eq!(again.message("conversations").await["event"], "left");
    again.is_quiet().await;
}
