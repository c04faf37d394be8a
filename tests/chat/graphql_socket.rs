//! The manners of GraphQL's WebSocket: how it opens, which codes it closes with, and how much fits on it.

use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::Server;
use crate::sockets::{GraphqlSocket, SOON};

async fn alice() -> (Server, Person) {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    (server, alice)
}

fn subscribe(id: &str) -> Json {
    json!({ "type": "subscribe", "id": id, "payload": { "query": "subscription { messages { id } }" } })
}

#[tokio::test]
async fn what_is_no_message_of_the_protocol_closes_with_4400() {
    let (server, alice) = alice().await;
    for text in ["hello", "{}", "[]", r#"{"type":7}"#, r#"{"type":"stop","id":"1"}"#, r#"{"type":"next"}"#] {
        let mut socket = GraphqlSocket::open(server.address, "/graphql").await;
        socket.say_text(text).await;
        assert_eq!(socket.closed().await.0, 4400, "{text}");
    }
    for subscribe in [
        json!({ "type": "subscribe" }),
        json!({ "type": "subscribe", "id": "", "payload": { "query": "{ me { id } }" } }),
        json!({ "type": "subscribe", "id": "1" }),
        json!({ "type": "subscribe", "id": "1", "payload": {} }),
    ] {
        let mut socket = alice.socket().await;
        socket.say(subscribe.clone()).await;
        assert_eq!(socket.closed().await.0, 4400, "{subscribe}");
    }
}

#[tokio::test]
async fn nobody_subscribes_before_the_acknowledgement_or_initialises_twice_or_uses_an_id_twice() {
    let (server, alice) = alice().await;
    let mut socket = GraphqlSocket::open(server.address, "/graphql").await;
    socket.say(subscribe("1")).await;
    assert_eq!(socket.closed().await, (4401, "Unauthorized".to_owned()));
    let mut socket = alice.socket().await;
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await, (4429, "Too many initialisation requests".to_owned()));
    let mut socket = alice.subscribe("subscription { messages { id } }").await;
    socket.say(subscribe("1")).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for this id already exists".to_owned()));
}

#[tokio::test]
async fn a_missing_or_bad_token_closes_with_4403() {
    let (server, alice) = alice().await;
    let expired = crate::server::token(json!({ "sub": alice.id, "exp": 1_000_000 }));
    for payload in
        [json!(null), json!({}), json!({ "Authorization": "Bearer nonsense" }), json!({ "Authorization": expired })]
    {
        let mut socket = GraphqlSocket::open(server.address, "/graphql").await;
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.closed().await.0, 4403, "{payload}");
    }
}

#[tokio::test]
async fn a_token_is_taken_from_the_payload_in_any_spelling_or_from_the_url() {
    let (server, alice) = alice().await;
    let bearer = format!("Bearer {}", alice.token);
    for payload in [json!({ "authorization": bearer }), json!({ "Authorization": alice.token })] {
        let mut socket = GraphqlSocket::open(server.address, "/graphql").await;
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
    }
    let mut socket = GraphqlSocket::open(server.address, &format!("/graphql?token={}", alice.token)).await;
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
}

#[tokio::test]
async fn a_socket_has_to_speak_a_known_protocol_and_come_from_a_known_page() {
    let (server, _) = alice().await;
    for headers in [&[("Sec-WebSocket-Protocol", "mqtt")] as &[(&str, &str)], &[]] {
        let mut socket = GraphqlSocket::knock(server.address, headers, None)
            .await
            .unwrap_or_else(|status| panic!("refused with {status}"));
        assert_eq!(socket.closed().await, (4406, "Subprotocol not acceptable".to_owned()));
    }
    let protocol = ("Sec-WebSocket-Protocol", "mqtt, graphql-transport-ws");
    for origin in ["https://evil.example", "null"] {
        let refused = GraphqlSocket::knock(server.address, &[protocol, ("Origin", origin)], None).await;
        assert_eq!(refused.err(), Some(403), "{origin}");
    }
    let own = format!("http://{}", server.address);
    let mut socket = GraphqlSocket::knock(server.address, &[protocol, ("Origin", &own)], None)
        .await
        .unwrap_or_else(|status| panic!("refused with {status}"));
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn fifty_subscriptions_fit_on_one_connection() {
    let (_server, alice) = alice().await;
    let group = alice.group("Team", &[]).await;
    let mut socket = alice.socket().await;
    for number in 0..50 {
        socket.say(subscribe(&format!("s{number}"))).await;
    }
    socket.say(subscribe("one more")).await;
    let refusal = socket.hear().await;
    assert_eq!((&refusal["type"], &refusal["id"]), (&json!("error"), &json!("one more")), "{refusal}");
    assert_eq!(refusal["payload"][0]["message"], "At most 50 subscriptions fit on one connection");
    let message = alice.send(group, "To all").await;
    for number in 0..50 {
        let heard = socket.hear().await;
        assert_eq!(
            (&heard["id"], &heard["payload"]["data"]["messages"]["id"]),
            (&json!(format!("s{number}")), &json!(message.to_string()))
        );
    }
    // One that has ended makes room.
    socket.say(json!({ "type": "complete", "id": "s7" })).await;
    socket.subscribe("one more", "subscription { messages { id } }", json!({})).await;
}

#[tokio::test]
async fn queries_mutations_and_subscriptions_share_a_connection() {
    let (_server, alice) = alice().await;
    let group = alice.group("Team", &[]).await;
    let mut socket = alice.subscribe("subscription { messages { content } }").await;
    let send = "mutation($id: ID!) { sendMessage(input: { conversationId: $id, content: \"Hello\" }) { content } }";
    let payload = json!({ "query": send, "variables": { "id": group.to_string() } });
    socket.say(json!({ "type": "subscribe", "id": "send", "payload": payload })).await;
    let sent =
        json!({ "type": "next", "id": "send", "payload": { "data": { "sendMessage": { "content": "Hello" } } } });
    assert_eq!(socket.hear().await, sent);
    assert_eq!(socket.hear().await, json!({ "type": "complete", "id": "send" }));
    assert_eq!(socket.event().await, json!({ "messages": { "content": "Hello" } }));
    let failing =
        json!({ "type": "subscribe", "id": "q", "payload": { "query": "{ me { id } conversation(id: 99) { id } }" } });
    socket.say(failing).await;
    let answer = socket.hear().await;
    assert_eq!(
        (&answer["type"], &answer["payload"]["errors"][0]["extensions"]["code"]),
        (&json!("next"), &json!("NOT_FOUND"))
    );
    assert_eq!(socket.hear().await["type"], "complete");
}

#[tokio::test]
async fn whoever_does_not_say_who_they_are_is_closed_with_4408() {
    let (server, _) = alice().await;
    let mut socket = GraphqlSocket::open(server.address, "/graphql").await;
    assert_eq!(socket.closed_within(SOON * 2).await.0, 4408);
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let (_server, alice) = alice().await;
    let mut socket = alice.socket().await;
    socket.say(json!({ "type": "ping", "payload": { "padding": "x".repeat(257 * 1024) } })).await;
    assert_eq!(socket.closed().await.0, 1009);
}

#[tokio::test]
async fn a_server_that_stops_says_goodbye() {
    let (mut server, alice) = alice().await;
    let mut socket = alice.subscribe("subscription { messages { id } }").await;
    let (closed, ()) = tokio::join!(socket.closed(), server.stop());
    assert_eq!(closed, (1001, "The server is stopping".to_owned()));
}
