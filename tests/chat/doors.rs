//! The table of doors: what is done through any door is heard through every other, with the same values.

use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::Server;
use crate::sockets::{EventStream, GraphqlSocket};
use crate::stomp_client::{Carrier, StompClient};

/// Each topic: the queue and the id of its subscription, and what GraphQL asks for.
const TOPICS: [(&str, &str); 5] = [
    ("messages", "id conversationId content senderName isEdited isDeleted"),
    ("reactions", "messageId conversationId userId userName emoji added reactionSummary { emoji count }"),
    ("receipts", "conversationId userId userName lastReadMessageId"),
    ("typing", "conversationId userId userName typing"),
    ("presence", "userId userName status online statusMessage deviceType"),
];

/// Somebody who acts, through one door.
enum Sender {
    Rest,
    Graphql,
    Stomp(StompClient),
}

/// Somebody who listens to everything, through one door.
enum Listener {
    Socket(Box<GraphqlSocket>),
    /// One response for each topic, in the order of [`TOPICS`].
    Events(Vec<EventStream>),
    Stomp(StompClient),
}

fn query(topic: &str) -> String {
    let fields = TOPICS.iter().find(|(name, _)| *name == topic).expect("a topic").1;
    format!("subscription {{ {topic} {{ {fields} }} }}")
}

impl Sender {
    /// Does something that this door has a way to do; says whether it has.
    async fn does(&mut self, alice: &Person, what: &str, input: Json) -> bool {
        let message = format!("/messages/{}", input["messageId"]);
        let group = format!("/conversations/{}", input["conversationId"]);
        match self {
            Sender::Rest => {
                let answer = match what {
                    "send" => alice.post(&format!("{group}/messages"), input).await,
                    "edit" => alice.put(&message, input).await,
                    "delete" => alice.delete(&message).await,
                    "react" if input["add"] == true => alice.post(&format!("{message}/reactions"), input).await,
                    "react" => alice.delete(&format!("{message}/reactions/{}", input["emoji"].as_str().unwrap())).await,
                    "read" => alice.post(&format!("{group}/read"), input).await,
                    "presence" => alice.put("/presence/status", input).await,
                    _ => return false,
                };
                answer.ok();
            }
            Sender::Graphql => {
                let mutation = match what {
                    "send" => "sendMessage(input: { conversationId: $conversationId, content: $content }) { id }",
                    "edit" => "editMessage(messageId: $messageId, content: $content) { id }",
                    "delete" => "deleteMessage(messageId: $messageId) { id }",
                    "react" if input["add"] == true => "addReaction(messageId: $messageId, emoji: $emoji) { added }",
                    "react" => "removeReaction(messageId: $messageId, emoji: $emoji) { added }",
                    "read" => {
                        "markRead(conversationId: $conversationId, lastReadMessageId: $lastReadMessageId) { unreadCount }"
                    }
                    "typing" => "setTyping(conversationId: $conversationId, typing: $typing)",
                    _ => "setPresence(status: $status, statusMessage: $statusMessage) { status }",
                };
                let types = [
                    ("conversationId", "ID!"),
                    ("messageId", "ID!"),
                    ("lastReadMessageId", "ID"),
                    ("content", "String!"),
                    ("emoji", "String!"),
                    ("typing", "Boolean!"),
                    ("status", "PresenceStatus"),
                    ("statusMessage", "String"),
                ];
                let named = types.iter().filter(|(name, _)| mutation.contains(&format!("${name}")));
                let named: String = named.map(|(name, kind)| format!("${name}: {kind} ")).collect();
                alice.gql_ok(&format!("mutation({named}) {{ {mutation} }}"), input).await;
            }
            Sender::Stomp(client) => {
                let to = match what {
                    "send" => "send",
                    "react" => "reaction",
                    "read" => "markRead",
                    "typing" | "presence" => what,
                    _ => return false,
                };
                client.say_and_wait("SEND", &format!("destination:/app/chat.{to}\n"), &input.to_string()).await;
            }
        }
        true
    }
}

impl Listener {
    async fn events(person: &Person) -> Self {
        let mut streams = Vec::new();
        for (topic, _) in TOPICS {
            let request = person.request(reqwest::Method::POST, "/graphql");
            streams.push(EventStream::open(request, &query(topic)).await);
        }
        Self::Events(streams)
    }

    async fn socket(person: &Person) -> Self {
        let mut socket = person.socket().await;
        for (topic, _) in TOPICS {
            socket.subscribe(topic, &query(topic), json!({})).await;
        }
        Self::Socket(Box::new(socket))
    }

    async fn stomp(person: &Person, carrier: Carrier) -> Self {
        let mut client = person.stomp(carrier).await;
        let topics: Vec<&str> = TOPICS.iter().map(|(topic, _)| *topic).collect();
        client.subscribe_to(&topics).await;
        Self::Stomp(client)
    }

    /// What is heard next, which must be of this topic, in the one form for all doors.
    async fn hear(&mut self, topic: &str, about: &Person) -> Json {
        loop {
            let heard = match self {
                Self::Socket(socket) => {
                    let heard = socket.hear().await;
                    assert_eq!((&heard["type"], &heard["id"]), (&json!("next"), &json!(topic)), "{heard}");
                    heard["payload"]["data"][topic].clone()
                }
                Self::Events(streams) => {
                    let place = TOPICS.iter().position(|(name, _)| *name == topic).expect("a topic");
                    streams[place].event().await[topic].clone()
                }
                Self::Stomp(client) => client.message(topic).await,
            };
            let told = alike(topic, &heard);
            // The listener hears of its own arrival, if that was told after it subscribed.
            if topic != "presence" || told["userId"] == json!(about.id.to_string()) {
                return told;
            }
        }
    }
}

/// The fields that GraphQL was asked for, ids as text and counts as a map.
fn alike(topic: &str, heard: &Json) -> Json {
    let fields = TOPICS.iter().find(|(name, _)| *name == topic).expect("a topic").1;
    let fields = fields.split_once(" {").map_or(fields, |(fields, _)| fields);
    let one = |name: &str| {
        let value = match &heard[name] {
            Json::Number(id) => json!(id.to_string()),
            Json::Array(counts) => {
                let counts =
                    counts.iter().map(|count| (count["emoji"].as_str().unwrap().to_owned(), count["count"].clone()));
                Json::Object(counts.collect())
            }
            other => other.clone(),
        };
        assert!(heard.get(name).is_some(), "{name} in {heard}");
        (name.to_owned(), value)
    };
    Json::Object(fields.split(' ').map(one).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_through_any_door_is_heard_through_every_other() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let mut senders = vec![("REST", Sender::Rest), ("GraphQL", Sender::Graphql)];
    for carrier in [Carrier::Raw, Carrier::Streaming, Carrier::Polling] {
        senders.push(("STOMP", Sender::Stomp(alice.stomp(carrier).await)));
    }
    let mut listeners = vec![Listener::socket(&bob).await, Listener::events(&bob).await];
    for carrier in [Carrier::Raw, Carrier::WebSocket, Carrier::Streaming, Carrier::Polling] {
        listeners.push(Listener::stomp(&bob, carrier).await);
    }
    let mut heard_by_all = async |topic: &str, expected: Option<Json>| {
        let mut first = expected;
        for listener in &mut listeners {
            let heard = listener.hear(topic, &alice).await;
            assert_eq!(first.get_or_insert_with(|| heard.clone()), &heard);
        }
        first.expect("somebody listens")
    };
    let (user, conversation) = (json!(alice.id.to_string()), json!(group.to_string()));

    for place in 0..senders.len() {
        let (door, sender) = &mut senders[place];
        let content = format!("Hello from {place}, {door} <3 👍");
        assert!(sender.does(&alice, "send", json!({ "conversationId": group, "content": content })).await);
        let told = heard_by_all("messages", None).await;
        let newest = bob.get(&format!("/conversations/{group}/messages?limit=1")).await.ok()[0].clone();
        let of = |content: Json, edited: bool, deleted: bool| {
            json!({ "id": newest["id"].to_string(), "conversationId": conversation, "content": content,
                    "senderName": "Alice", "isEdited": edited, "isDeleted": deleted })
        };
        assert_eq!(told, of(json!(content), false, false));
        let message = newest["id"].clone();

        for add in [true, false] {
            let input = json!({ "messageId": message, "conversationId": group, "emoji": "👍", "add": add });
            assert!(senders[place].1.does(&alice, "react", input).await);
            let summary = if add { json!({ "👍": 1 }) } else { json!({}) };
            let expected = json!({ "messageId": message.to_string(), "conversationId": conversation, "userId": user,
                "userName": "Alice", "emoji": "👍", "added": add, "reactionSummary": summary });
            heard_by_all("reactions", Some(expected)).await;
        }

        let input = json!({ "conversationId": group, "lastReadMessageId": message });
        assert!(senders[place].1.does(&alice, "read", input).await);
        let expected = json!({ "conversationId": conversation, "userId": user, "userName": "Alice",
                               "lastReadMessageId": message.to_string() });
        heard_by_all("receipts", Some(expected)).await;

        for typing in [true, false] {
            // REST has no way to type: the next door types instead.
            let typist = if place == 0 { 1 } else { place };
            let input = json!({ "conversationId": group, "typing": typing });
            assert!(senders[typist].1.does(&alice, "typing", input).await);
            let expected =
                json!({ "conversationId": conversation, "userId": user, "userName": "Alice", "typing": typing });
            heard_by_all("typing", Some(expected)).await;
        }

        let status = ["AWAY", "DND"][place % 2];
        let input = json!({ "status": status, "statusMessage": format!("by {place}") });
        assert!(senders[place].1.does(&alice, "presence", input).await);
        let expected = json!({ "userId": user, "userName": "Alice", "status": status, "online": true,
                               "statusMessage": format!("by {place}"), "deviceType": null });
        heard_by_all("presence", Some(expected)).await;

        // STOMP has no way to edit and to delete: REST and GraphQL do it, in turn.
        let editor = if place < 2 { place } else { place % 2 };
        let input = json!({ "messageId": message, "content": "Edited" });
        assert!(senders[editor].1.does(&alice, "edit", input).await);
        heard_by_all("messages", Some(of(json!("Edited"), true, false))).await;
        assert!(senders[editor].1.does(&alice, "delete", json!({ "messageId": message })).await);
        heard_by_all("messages", Some(of(json!(null), true, true))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stomp_says_the_same_over_every_carrier() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let mut clients = Vec::new();
    for carrier in crate::stomp_client::CARRIERS {
        clients.push((carrier, bob.stomp_on(carrier, &["messages"]).await));
    }
    // What breaks framing, quoting, and scripts, if anything does.
    let content = "a\"b\\c\nd\u{2028}e<i>f</i></script>g👍\u{200d}h";
    for place in 0..3 {
        let message = alice.send(group, &format!("{place}{content}")).await;
        let stored = bob.get(&format!("/conversations/{group}/messages?limit=1")).await.ok()[0].clone();
        assert_eq!(stored["id"], message);
        for (carrier, client) in &mut clients {
            assert_eq!(client.message("messages").await, stored, "{carrier:?}");
        }
    }
    for place in 0..clients.len() {
        let content = format!("{:?} 👍", clients[place].0);
        clients[place].1.send("send", json!({ "conversationId": group, "content": content })).await;
        for (carrier, client) in &mut clients {
            assert_eq!(client.message("messages").await["content"], content, "{carrier:?}");
        }
    }
}
