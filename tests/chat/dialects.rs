//! What clients say that were made for other servers, or to other editions of a specification, and are to be understood
//! all the same (protocol §6, §13).

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::person::{Answer, Person};
use crate::server::Server;
use crate::sockets::GraphqlSocket;
use crate::stomp_client::{CARRIERS, Carrier};

async fn alice_at_home() -> (Server, Person, i64) {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let group = alice.group("Team", &[]).await;
    (server, alice, group)
}

async fn post(alice: &Person, accept: &str, body: Json) -> Answer {
    alice.fetch(alice.request(Method::POST, "/graphql").header("accept", accept).json(&body)).await
}

#[tokio::test]
async fn string_literals_have_the_escapes_of_the_specification() {
    let (_server, alice, group) = alice_at_home().await;
    for (literal, content) in [
        (r"\ud83d\ude00", "😀"),
        (r"\uD83D\uDE00 and \u00fc", "😀 and ü"),
        (r"\u{1F600}\u{41}", "😀A"),
        (r"\\ud83d\\ude00 \u{22}quoted\u{22}", "\\ud83d\\ude00 \"quoted\""),
    ] {
        let query = format!(
            "mutation {{ sendMessage(input: {{ conversationId: {group}, content: \"{literal}\" }}) {{ content }} }}"
        );
        let sent = alice.gql_ok(&query, json!({})).await;
        assert_eq!(sent["sendMessage"]["content"], content, "{literal}");
    }
    let block = "mutation($id: ID!) { sendMessage(input: { conversationId: $id, content: \"\"\"\n    say \\\"\"\"\n      \\u{41}\n\"\"\" }) \
                 { content } }";
    let sent = alice.gql_ok(block, json!({ "id": group })).await;
    assert_eq!(sent["sendMessage"]["content"], "say \"\"\"\n  \\u{41}");
    for literal in [r"\ud83d", r"\ude00\ud83d", r"\u{d83d}", r"\u{110000}", r"\u{}"] {
        let query = format!(
            "mutation {{ sendMessage(input: {{ conversationId: {group}, content: \"{literal}\" }}) {{ id }} }}"
        );
        let answer = alice.gql_answer(&query, json!({})).await;
        let error = &answer.body["errors"][0];
        assert_eq!((answer.status, &error["extensions"]["code"]), (400, &json!("BAD_REQUEST")), "{literal}");
    }
}

#[tokio::test]
async fn an_argument_whose_variable_is_left_out_has_its_default_and_null_is_no_default() {
    let (_server, alice, group) = alice_at_home().await;
    for (field, name) in [("setMuted", "muted"), ("setPinned", "pinned"), ("setArchived", "archived")] {
        let query =
            format!("mutation($v: Boolean) {{ {field}(conversationId: {group}, {name}: $v) {{ value: {name} }} }}");
        for (given, value) in [(json!({}), true), (json!({ "v": false }), false), (json!({ "v": true }), true)] {
            let answer = alice.gql_ok(&query, given.clone()).await;
            assert_eq!(answer[field]["value"], value, "{field} {given}");
        }
        let (code, _) = alice.gql_refused(&query, json!({ "v": null })).await;
        assert_eq!(code, "BAD_REQUEST", "{field}");
        let mut socket = alice.socket().await;
        socket.say(json!({ "type": "subscribe", "id": "1", "payload": { "query": query } })).await;
        assert_eq!(socket.hear().await["payload"]["data"][field]["value"], true, "{field}");
    }
    // What may be null, and what stands in an input, is left out in the same way.
    let query = "mutation($id: ID!, $type: MessageType, $temp: String) { sendMessage(input: { conversationId: $id, \
                 content: \"x\", messageType: $type, tempId: $temp }) { messageType tempId } }";
    let sent = alice.gql_ok(query, json!({ "id": group.to_string() })).await;
    assert_eq!(sent["sendMessage"], json!({ "messageType": "TEXT", "tempId": null }));
}

#[tokio::test]
async fn a_query_that_is_only_named_is_asked_for_again_in_the_way_that_its_clients_know() {
    let (_server, alice, _) = alice_at_home().await;
    let named =
        json!({ "operationName": "Me", "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "ab" } } });
    let expected = json!({ "errors": [{
        "message": "PersistedQueryNotSupported", "extensions": { "code": "PERSISTED_QUERY_NOT_SUPPORTED" }
    }] });
    for accept in ["*/*", "application/json", "application/graphql-response+json"] {
        let answer = post(&alice, accept, named.clone()).await;
        assert_eq!((answer.status, &answer.body), (200, &expected), "{accept}");
    }
    let extensions = percent_encoding::utf8_percent_encode(
        r#"{"persistedQuery":{"version":1,"sha256Hash":"ab"}}"#,
        percent_encoding::NON_ALPHANUMERIC,
    );
    let got = alice.fetch(alice.request(Method::GET, &format!("/graphql?extensions={extensions}"))).await;
    assert_eq!((got.status, &got.body), (200, &expected));
    let batch = post(&alice, "*/*", json!([named, { "query": "{ me { name } }" }])).await;
    assert_eq!(batch.body, json!([expected, { "data": { "me": { "name": "Alice" } } }]));
    let mut socket = alice.socket().await;
    socket.say(json!({ "type": "subscribe", "id": "1", "payload": named })).await;
    let refused = socket.hear().await;
    assert_eq!((&refused["type"], &refused["payload"]), (&json!("error"), &expected["errors"]));
    // What such a client sends then.
    let mut whole = named;
    whole["query"] = json!("query Me { me { name } }");
    assert_eq!(post(&alice, "*/*", whole).await.body, json!({ "data": { "me": { "name": "Alice" } } }));
}

#[tokio::test]
async fn what_stands_beside_a_query_has_its_shape_or_is_refused() {
    let (_server, alice, _) = alice_at_home().await;
    let query = "{ me { id } }";
    for (name, wrong) in [
        ("extensions", json!("x")),
        ("extensions", json!([])),
        ("extensions", json!(1)),
        ("extensions", json!(true)),
        ("variables", json!("{}")),
        ("variables", json!([])),
        ("variables", json!(1)),
        ("operationName", json!(1)),
        ("operationName", json!({})),
        ("query", json!(1)),
        ("query", json!(null)),
        ("query", json!(["{ me { id } }"])),
    ] {
        let mut body = json!({ "query": query });
        body[name] = wrong;
        for accept in ["application/json", "application/graphql-response+json"] {
            let answer = post(&alice, accept, body.clone()).await;
            let code = &answer.body["errors"][0]["extensions"]["code"];
            assert_eq!((answer.status, code), (400, &json!("BAD_REQUEST")), "{body}");
        }
        assert_eq!(post(&alice, "*/*", json!([body])).await.status, 400, "{body}");
        let mut socket = alice.socket().await;
        socket.say(json!({ "type": "subscribe", "id": "1", "payload": body })).await;
        assert_eq!(socket.closed().await.0, 4400, "{body}");
    }
    for wrong in [
        "variables=%5B%5D",
        "variables=1",
        "variables=%22x%22",
        "extensions=%22x%22",
        "extensions=%5B%5D",
        "extensions=x",
    ] {
        let answer = alice.fetch(alice.request(Method::GET, &format!("/graphql?query=%7Bme%7Bid%7D%7D&{wrong}"))).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
    }
    for nothing in [json!({}), json!(null)] {
        let body = json!({ "query": query, "variables": nothing, "extensions": nothing, "operationName": null });
        assert_eq!(post(&alice, "*/*", body).await.status, 200);
    }
}

#[tokio::test]
async fn the_older_protocol_says_why_nobody_is_let_in_before_it_closes() {
    let (server, alice, _) = alice_at_home().await;
    let expired = crate::server::token(json!({ "sub": alice.id, "exp": 1_000_000 }));
    for (payload, sentence) in [
        (json!({}), "A token is needed"),
        (json!({ "Authorization": "Bearer nonsense" }), "The token is not valid"),
        (json!({ "authToken": expired }), "The token has expired"),
    ] {
        let mut socket = GraphqlSocket::open_with(server.address, "/graphql", "graphql-ws").await;
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        let said = json!({ "message": sentence, "extensions": { "code": "UNAUTHENTICATED" } });
        assert_eq!(socket.hear().await, json!({ "type": "connection_error", "payload": said }));
        assert_eq!(socket.closed().await, (4403, sentence.to_owned()));
        // The newer protocol has no such message.
        let mut socket = GraphqlSocket::open(server.address, "/graphql").await;
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.closed_at_once().await, (4403, sentence.to_owned()));
    }
}

#[tokio::test]
async fn who_agreed_on_the_newer_protocol_and_speaks_the_older_one_is_answered_in_it() {
    let (server, alice, group) = alice_at_home().await;
    let mut socket = GraphqlSocket::open(server.address, "/graphql").await;
    socket.init(&alice.token).await;
    socket.say(json!({ "type": "start", "id": "q", "payload": { "query": "{ me { name } }" } })).await;
    let data = json!({ "type": "data", "id": "q", "payload": { "data": { "me": { "name": "Alice" } } } });
    assert_eq!(socket.hear().await, data);
    assert_eq!(socket.hear().await, json!({ "type": "complete", "id": "q" }));
    socket.say(json!({ "type": "start", "id": "bad", "payload": { "query": "{ nothing }" } })).await;
    let refused = socket.hear().await;
    assert_eq!((&refused["type"], refused["payload"]["message"].is_string()), (&json!("error"), true), "{refused}");
    let subscription = json!({ "query": "subscription { messages { content } }" });
    socket.say(json!({ "type": "start", "id": "s", "payload": subscription })).await;
    // What is said behind it is answered behind it.
    socket.say(json!({ "type": "start", "id": "q", "payload": { "query": "{ me { name } }" } })).await;
    assert_eq!(socket.hear().await, data);
    assert_eq!(socket.hear().await["type"], "complete");
    alice.send(group, "Hello").await;
    let heard = json!({ "data": { "messages": { "content": "Hello" } } });
    assert_eq!(socket.hear().await, json!({ "type": "data", "id": "s", "payload": heard }));
    socket.say(json!({ "type": "stop", "id": "s" })).await;
    socket.say(json!({ "type": "connection_terminate" })).await;
    assert_eq!(socket.closed().await.0, 1000);
}

#[tokio::test]
async fn who_has_subscribed_in_the_newer_protocol_cannot_change_to_the_older_one() {
    let (_server, alice, _) = alice_at_home().await;
    let mut socket = alice.subscribe("subscription { messages { id } }").await;
    socket.say(json!({ "type": "start", "id": "2", "payload": { "query": "{ me { id } }" } })).await;
    assert_eq!(socket.closed().await.0, 4400);
}

#[tokio::test]
async fn a_token_is_taken_from_each_place_where_clients_put_it() {
    let (server, alice, _) = alice_at_home().await;
    let bearer = format!("Bearer {}", alice.token);
    for payload in [
        json!({ "Authorization": bearer }),
        json!({ "authorization": bearer }),
        json!({ "token": alice.token }),
        json!({ "authToken": bearer }),
        json!({ "headers": { "Authorization": bearer } }),
        json!({ "headers": { "authorization": alice.token } }),
        json!({ "Authorization": null, "headers": { "Authorization": bearer } }),
    ] {
        for protocol in ["graphql-transport-ws", "graphql-ws"] {
            let mut socket = GraphqlSocket::open_with(server.address, "/graphql", protocol).await;
            socket.say(json!({ "type": "connection_init", "payload": payload })).await;
            assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }), "{payload}");
        }
    }
    for payload in [json!({ "headers": bearer }), json!({ "jwt": bearer }), json!({ "token": 1 }), json!([bearer])] {
        let mut socket = GraphqlSocket::open(server.address, "/graphql").await;
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.closed().await.0, 4403, "{payload}");
    }
}

#[tokio::test]
async fn a_percent_sign_is_heard_on_every_transport_as_it_was_said() {
    let (_server, alice, group) = alice_at_home().await;
    for carrier in CARRIERS {
        let mut client = alice.stomp_on(carrier, &["messages", "errors"]).await;
        for content in ["100% sure", "%25 %0d%0a %E4 %", "a\r\nb\tc", "😀%"] {
            client.send("send", json!({ "conversationId": group, "content": content })).await;
            assert_eq!(client.message("messages").await["content"], content, "{carrier:?}");
        }
    }
    assert!(CARRIERS.contains(&Carrier::EventSource));
}

#[tokio::test]
async fn the_root_field_of_a_subscription_is_checked_and_heard_in_whatever_fragment_it_stands() {
    let (server, alice, group) = alice_at_home().await;
    let bob = server.person("Bob").await;
    for query in [
        format!("subscription {{ ... {{ messages(conversationId: {group}) {{ content }} }} }}"),
        format!("subscription {{ ... on Subscription {{ messages(conversationId: {group}) {{ content }} }} }}"),
        format!(
            "subscription {{ ...A }} fragment A on Subscription {{ ...B }} \
             fragment B on Subscription {{ messages(conversationId: {group}) {{ content }} }}"
        ),
        format!(
            "subscription Named($no: Boolean = false) {{ ... @include(if: true) {{ messages(conversationId: {group}) \
             @skip(if: $no) {{ content }} }} }}"
        ),
    ] {
        let mut socket = alice.subscribe(&query).await;
        let name = query.contains("Named").then_some("Named");
        let payload = json!({ "query": query, "operationName": name });
        socket.say(json!({ "type": "subscribe", "id": "named", "payload": payload })).await;
        socket.say(json!({ "type": "ping" })).await;
        assert_eq!(socket.hear().await["type"], "pong", "{query}");
        alice.send(group, "heard").await;
        for _ in 0..2 {
            assert_eq!(socket.event().await, json!({ "messages": { "content": "heard" } }), "{query}");
        }
        let mut stranger = bob.socket().await;
        stranger.say(json!({ "type": "subscribe", "id": "1", "payload": { "query": query } })).await;
        let refused = stranger.hear().await;
        assert_eq!(refused["payload"][0]["extensions"]["code"], "FORBIDDEN", "{query}: {refused}");
    }
}

#[tokio::test]
async fn a_subscription_of_which_nothing_is_left_is_refused() {
    let (_server, alice, _) = alice_at_home().await;
    for (query, variables) in [
        ("subscription { messages @skip(if: true) { id } }", json!({})),
        ("subscription { messages @include(if: false) { id } }", json!({})),
        ("subscription { ... @include(if: false) { messages { id } } }", json!({})),
        ("subscription { ...A @skip(if: true) } fragment A on Subscription { messages { id } }", json!({})),
        ("subscription($s: Boolean!) { messages @skip(if: $s) { id } }", json!({ "s": true })),
        ("subscription($s: Boolean = true) { messages @skip(if: $s) { id } }", json!({})),
        ("subscription { __typename }", json!({})),
    ] {
        let mut socket = alice.socket().await;
        let payload = json!({ "query": query, "variables": variables });
        socket.say(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
        let refused = socket.hear().await;
        assert_eq!(
            (&refused["type"], &refused["payload"][0]["extensions"]["code"]),
            (&json!("error"), &json!("BAD_REQUEST")),
            "{query}: {refused}"
        );
    }
}
