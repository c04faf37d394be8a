//! An ear at a door: it keeps every byte that the server sends to somebody, from the moment it listens.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value as Json, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::person::Person;
use crate::sockets::SOON;

/// Everything that somebody was told, and at which door.
#[derive(Clone, Default)]
pub struct Ear(Arc<Mutex<Vec<(String, String)>>>);

const SUBSCRIPTIONS: [&str; 7] = [
    "subscription { messages { id content tempId metadata conversation { name description } parent { content } } }",
    "subscription { typing { userId userName typing } }",
    "subscription { presence { userId status statusMessage deviceType } }",
    "subscription { receipts { userId lastReadMessageId } }",
    "subscription { reactions { emoji reactionSummary { emoji count } } }",
    "subscription { conversationChanges { event conversation { name description avatarUrl lastMessage { content } } } }",
    EVENTS,
];
/// Everything, from a cursor on.
const EVENTS: &str = "subscription($after: String) { events(after: $after) { __typename
    ... on MessageEvent { message { content tempId metadata } } ... on ReactionEvent { reaction { emoji } }
    ... on ReceiptEvent { receipt { userId } } ... on ParticipantEvent { participant { userName user { name } } }
    ... on ConversationEvent { change { event conversation { name description avatarUrl lastMessage { content } } } } } }";
const QUEUES: [&str; 7] = ["messages", "typing", "presence", "receipts", "reactions", "conversations", "errors"];

impl Ear {
    pub fn hear(&self, door: &str, text: &str) {
        self.0.lock().expect("nobody panics in it").push((door.to_owned(), text.to_owned()));
    }

    /// What was told that holds one of the words: where, and the beginning of it.
    pub fn told(&self, words: &[&str]) -> Vec<String> {
        let told = self.0.lock().expect("nobody panics in it");
        let holding = told.iter().flat_map(|(door, text)| {
            let held = words.iter().filter(|word| text.contains(**word));
            held.map(move |word| format!("{word} at {door}: {}", text.chars().take(600).collect::<String>()))
        });
        holding.collect()
    }

    /// How much was told at all.
    pub fn len(&self) -> usize {
        self.0.lock().expect("nobody panics in it").len()
    }

    /// Waits until something that was told at the door holds the word.
    pub async fn wait_for(&self, door: &str, word: &str) {
        let until = tokio::time::Instant::now() + SOON;
        while !self.0.lock().expect("nobody panics in it").iter().any(|(at, text)| at == door && text.contains(word)) {
            assert!(tokio::time::Instant::now() < until, "{word} does not come at {door}: {:?}", self.told(&[""]));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Listens at every door that tells things by itself, with all that there is to hear, from `after` on.
    pub async fn at_every_door(&self, person: &Person, after: &str) {
        for protocol in ["graphql-transport-ws", "graphql-ws"] {
            self.at_graphql(person, protocol, after).await;
        }
        self.at_events(person, after).await;
        self.at_stomp(person.address, &person.token, after).await;
        self.at_sockjs(person, after).await;
    }

    async fn at_graphql(&self, person: &Person, protocol: &str, after: &str) {
        let start = if protocol == "graphql-ws" { "start" } else { "subscribe" };
        let init = json!({ "type": "connection_init", "payload": { "Authorization": person.token } });
        let questions = SUBSCRIPTIONS.iter().enumerate().map(|(id, query)| {
            let payload = json!({ "query": query, "variables": { "after": after } });
            json!({ "type": start, "id": id.to_string(), "payload": payload }).to_string()
        });
        // What is asked last is answered when everything before it has started.
        let last = json!({ "type": start, "id": "last", "payload": { "query": "{ me { id } }" } });
        let said = std::iter::once(init.to_string()).chain(questions).chain([last.to_string()]).collect();
        self.at_socket(protocol, &format!("ws://{}/graphql", person.address), Some(protocol), said).await;
        self.wait_for(protocol, "\"last\"").await;
    }

    async fn at_events(&self, person: &Person, after: &str) {
        for query in SUBSCRIPTIONS {
            let body = json!({ "query": query, "variables": { "after": after } });
            let request = person.request(reqwest::Method::POST, "/graphql").header("accept", "text/event-stream");
            let mut answer = request.json(&body).send().await.expect("the server answers");
            let ear = self.clone();
            tokio::spawn(async move {
                while let Ok(Some(chunk)) = answer.chunk().await {
                    ear.hear("events", &String::from_utf8_lossy(&chunk));
                }
            });
        }
    }

    async fn at_stomp(&self, address: SocketAddr, token: &str, after: &str) {
        self.at_socket("stomp", &format!("ws://{address}/ws/chat"), None, frames(token, after)).await;
        self.wait_for("stomp", "receipt-id:all").await;
    }

    async fn at_sockjs(&self, person: &Person, after: &str) {
        let session = format!("http://{}/ws/chat/000/{}", person.address, uuid::Uuid::new_v4().simple());
        let http = reqwest::Client::new();
        let streaming = http.post(format!("{session}/xhr_streaming")).send();
        let mut answer = streaming.await.expect("the server answers");
        let ear = self.clone();
        tokio::spawn(async move {
            while let Ok(Some(chunk)) = answer.chunk().await {
                ear.hear("xhr_streaming", &String::from_utf8_lossy(&chunk));
            }
        });
        let body = json!(frames(&person.token, after));
        let sent = http.post(format!("{session}/xhr_send")).json(&body).send().await.expect("the server answers");
        assert_eq!(sent.status(), 204);
        self.wait_for("xhr_streaming", "receipt-id:all").await;
    }

    async fn at_socket(&self, door: &str, url: &str, protocol: Option<&str>, said: Vec<String>) {
        let mut request = url.into_client_request().expect("a request");
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().expect("a header"));
        }
        let (mut stream, _) = tokio_tungstenite::connect_async(request).await.expect("the handshake succeeds");
        for text in said {
            stream.send(Message::text(text)).await.expect("the socket is open");
        }
        let (ear, door) = (self.clone(), door.to_owned());
        tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                match message {
                    Message::Ping(_) | Message::Pong(_) => {}
                    Message::Close(close) => ear.hear(&door, &format!("{close:?}")),
                    message => ear.hear(&door, &String::from_utf8_lossy(&message.into_data())),
                }
            }
        });
    }
}

/// CONNECT and a SUBSCRIBE to every queue, the last one with the receipt `all`.
fn frames(token: &str, after: &str) -> Vec<String> {
    let connect = format!("CONNECT\naccept-version:1.2\nhost:confab\nAuthorization:Bearer {token}\n\n\0");
    let after = if after.is_empty() { String::new() } else { format!("after:{after}\n") };
    let subscribe = QUEUES.iter().map(|queue| {
        let receipt = if *queue == "errors" { "receipt:all\n" } else { "" };
        format!("SUBSCRIBE\nid:{queue}\ndestination:/user/queue/chat/{queue}\n{after}{receipt}\n\0")
    });
    std::iter::once(connect).chain(subscribe).collect()
}

/// Asks for everything that can be asked for without naming anything, and for everything that could be guessed.
pub async fn ask_around(ear: &Ear, person: &Person, ids: std::ops::RangeInclusive<i64>, cursors: &[String]) {
    let mut paths: Vec<String> = [
        "/api/chat/conversations",
        "/api/chat/conversations?archived=true",
        "/api/chat/conversations/pinned",
        "/api/chat/conversations/search?query=p",
        "/api/chat/conversations/unread",
        "/api/chat/presence",
        "/api/chat/nowhere",
        "/metrics",
        "/health/live",
        "/health/ready",
        "/ws/chat/info",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.extend(cursors.iter().map(|cursor| format!("/api/chat/events?after={cursor}&limit=100")));
    for id in ids.clone() {
        for path in ["conversations/#", "conversations/#/messages", "conversations/#/messages/search?query=plan"] {
            paths.push(format!("/api/chat/{}", path.replace('#', &id.to_string())));
        }
        for path in ["thread", "reactions", "reactions/summary", "read-receipts"] {
            paths.push(format!("/api/chat/messages/{id}/{path}"));
        }
        paths.push(format!("/api/chat/presence/{id}"));
    }
    for path in paths {
        let mut request = person.request(reqwest::Method::GET, &path);
        if person.token.is_empty() {
            request = reqwest::Client::new().get(format!("http://{}{path}", person.address));
        }
        let answer = person.fetch(request).await;
        ear.hear(&format!("GET {path}"), &format!("{:?} {}", answer.headers, answer.text));
    }
    let everybody: Vec<i64> = ids.clone().collect();
    ear.hear("POST presence", &person.post("/presence/users", json!(everybody)).await.text);
    let one = "query($id: ID!) { conversation(id: $id) { name description avatarUrl lastMessage { content }
        messages { edges { node { content metadata tempId } } } } message(id: $id) { content metadata tempId
        parent { content } conversation { name description } reactions { emoji } readReceipts { userId } }
        presence(userIds: [$id]) { status statusMessage deviceType } user(id: $id) { id name } }";
    for id in ids {
        // Each field by itself too: a refusal of one must not hide another.
        ear.hear(&format!("GraphQL of {id}"), &person.gql(one, json!({ "id": id.to_string() })).await.to_string());
    }
    let all = "{ me { id } conversations { edges { node { name description lastMessage { content tempId } } } }
        searchMessages(query: \"plan\") { edges { snippet node { content } } } unread { totalUnread }
        onlineUsers { userId statusMessage } }";
    ear.hear("GraphQL of all", &person.gql(all, Json::Null).await.to_string());
    let sync = "query($after: String) { sync(after: $after, first: 100) { events { __typename
        ... on MessageEvent { message { content tempId metadata } } ... on ReactionEvent { reaction { emoji } }
        ... on ConversationEvent { change { event conversation { name description avatarUrl } } } } } }";
    for cursor in cursors {
        ear.hear("sync", &person.gql(sync, json!({ "after": cursor })).await.to_string());
    }
}
