//! A new token in an open connection: it goes on where it is, for the same user and until the new end (protocol §13).

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::{Server, now, token};
use crate::sockets::{EventStream, GraphqlSocket};
use crate::stomp_client::{Carrier, StompClient};

const RENEW: &str = "mutation($token: String!) { renewToken(token: $token) { expiresAt } }";

/// Two seconds are left of it: the leeway is 30 s.
fn short_token(person: &Person) -> String {
    token(json!({ "sub": person.id, "name": person.name, "exp": now() - 28 }))
}

fn expiry(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0).expect("a time").format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// What a socket answers to an operation, which may stand between what it tells of a subscription.
async fn ask(socket: &mut GraphqlSocket, query: &str, variables: Json) -> Json {
    socket.say(json!({ "type": "subscribe", "id": "q", "payload": { "query": query, "variables": variables } })).await;
    let answer = loop {
        let heard = socket.hear().await;
        if heard["id"] == "q" {
            break heard;
        }
    };
    if answer["type"] == "next" {
        assert_eq!(socket.hear().await, json!({ "type": "complete", "id": "q" }));
    }
    answer["payload"].clone()
}

#[tokio::test]
async fn a_graphql_socket_goes_on_with_a_new_token_and_its_subscriptions_with_it() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let short = server.somebody(bob.id, &short_token(&bob), "Bob");
    let mut socket = short.subscribe("subscription { messages { content } }").await;
    let end = now() + 600;
    for new in
        [token(json!({ "sub": bob.id, "exp": end })), format!("Bearer {}", token(json!({ "sub": bob.id, "exp": end })))]
    {
        let answer = ask(&mut socket, RENEW, json!({ "token": new })).await;
        assert_eq!(answer, json!({ "data": { "renewToken": { "expiresAt": expiry(end) } } }));
    }
    // One with the same token that was not renewed shows that its end has come.
    let mut other = server.somebody(bob.id, &short_token(&bob), "Bob").socket().await;
    assert_eq!(other.closed().await, (4403, "The token has expired".to_owned()));
    alice.send(group, "still here").await;
    assert_eq!(socket.event().await, json!({ "messages": { "content": "still here" } }));
    // The new end holds as the old one did, and may be nearer.
    ask(&mut socket, RENEW, json!({ "token": short_token(&bob) })).await;
    assert_eq!(socket.closed().await, (4403, "The token has expired".to_owned()));
}

#[tokio::test]
async fn what_a_new_token_allows_is_allowed_at_once_and_what_it_does_not_is_not() {
    let server = Server::start().await;
    let root = server.administrator("Root").await;
    let mut socket = root.socket().await;
    let list = "{ webhookEndpoints { id } me { name } }";
    assert_eq!(ask(&mut socket, list, json!({})).await["data"]["webhookEndpoints"], json!([]));
    let plain = token(json!({ "sub": root.id, "name": "Root the Second" }));
    ask(&mut socket, RENEW, json!({ "token": plain })).await;
    let answer = ask(&mut socket, list, json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer}");
    ask(&mut socket, RENEW, json!({ "token": root.token })).await;
    assert_eq!(ask(&mut socket, list, json!({})).await["data"]["webhookEndpoints"], json!([]));
}

#[tokio::test]
async fn another_users_token_and_one_that_is_none_end_a_graphql_socket_with_4403() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let expired = token(json!({ "sub": alice.id, "exp": now() - 31 }));
    for (given, sentence) in [
        (bob.token.as_str(), "The token is another user's"),
        (expired.as_str(), "The token has expired"),
        ("nonsense", "The token is not valid"),
        ("", "A token is needed"),
    ] {
        for protocol in ["graphql-transport-ws", "graphql-ws"] {
            let mut socket = GraphqlSocket::open_with(server.address, "/graphql", protocol).await;
            socket.init(&alice.token).await;
            let kind = if protocol == "graphql-ws" { "start" } else { "subscribe" };
            let payload = json!({ "query": RENEW, "variables": { "token": given } });
            socket.say(json!({ "type": kind, "id": "q", "payload": payload })).await;
            let answer = socket.hear().await;
            let error = &answer["payload"]["errors"][0];
            assert_eq!(
                (&error["message"], &error["extensions"]["code"]),
                (&json!(sentence), &json!("UNAUTHENTICATED"))
            );
            assert_eq!(socket.hear().await["type"], "complete");
            assert_eq!(socket.closed().await, (4403, sentence.to_owned()), "{protocol}");
        }
    }
    // A better token beside it does not make up for it.
    let mut socket = alice.socket().await;
    let both = "mutation($a: String!, $b: String!) { a: renewToken(token: $a) { expiresAt } b: renewToken(token: $b) { expiresAt } }";
    let payload = json!({ "query": both, "variables": { "a": bob.token, "b": alice.token } });
    socket.say(json!({ "type": "subscribe", "id": "q", "payload": payload })).await;
    socket.hear().await;
    socket.hear().await;
    assert_eq!(socket.closed().await.0, 4403);
}

#[tokio::test]
async fn a_connection_with_a_newer_token_stays_when_its_user_is_signed_out_and_takes_no_older_one() {
    const LISTEN: &str = "subscription { messages { content } }";
    const SIGNED_OUT: &str = "You were signed out, a new token is needed";
    let server = Server::start().await;
    let root = server.administrator("Root").await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let issued = |at: i64| token(json!({ "sub": bob.id, "name": "Bob", "iat": at }));
    let (old, new) = (issued(now() - 60), issued(now() + 10));
    let with = |token: &str| server.somebody(bob.id, token, "Bob");
    let mut socket = with(&old).subscribe(LISTEN).await;
    let mut client = with(&old).stomp_on(Carrier::WebSocket, &["messages", "renewals", "errors"]).await;
    let mut left_as_it_is = with(&old).socket().await;
    assert!(ask(&mut socket, RENEW, json!({ "token": new })).await["errors"].is_null());
    client.send("renew", json!({ "token": new })).await;
    client.message("renewals").await;

    root.gql_ok("mutation($id: ID!) { logoutUser(userId: $id) { id } }", json!({ "id": bob.id })).await;
    assert_eq!(left_as_it_is.closed().await, (4403, SIGNED_OUT.to_owned()));
    alice.send(group, "still here").await;
    assert_eq!(socket.event().await["messages"]["content"], "still here");
    assert_eq!(client.message("messages").await["content"], "still here");

    let refused = ask(&mut socket, RENEW, json!({ "token": old })).await;
    assert_eq!((&refused["errors"][0]["message"], &refused["data"]), (&json!(SIGNED_OUT), &Json::Null), "{refused}");
    assert_eq!(socket.closed().await, (4403, SIGNED_OUT.to_owned()));
    client.send("renew", json!({ "token": old })).await;
    assert_eq!(client.failed().await, SIGNED_OUT);
    with(&old).get("/conversations").await.refused(401, "UNAUTHENTICATED", SIGNED_OUT);
    with(&new).subscribe(LISTEN).await.is_quiet().await;
}

#[tokio::test]
async fn over_http_there_is_nothing_to_renew() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let (code, sentence) = alice.gql_refused(RENEW, json!({ "token": alice.token })).await;
    assert_eq!((code.as_str(), sentence.starts_with("A token is renewed over the WebSocket")), ("BAD_REQUEST", true));
    let batch = json!([{ "query": RENEW, "variables": { "token": alice.token } }]);
    let answer = alice.fetch(alice.request(Method::POST, "/graphql").json(&batch)).await;
    assert_eq!(answer.body[0]["errors"][0]["extensions"]["code"], "BAD_REQUEST", "{}", answer.text);
    let query = format!("mutation {{ renewToken(token: \"{}\") {{ expiresAt }} }}", alice.token);
    let mut events = EventStream::open(alice.request(Method::POST, "/graphql"), &query).await;
    assert_eq!(events.next().await.1["errors"][0]["extensions"]["code"], "BAD_REQUEST");
}

#[tokio::test]
async fn a_stomp_session_goes_on_with_a_new_token_over_every_carrier() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    for carrier in [Carrier::Raw, Carrier::WebSocket, Carrier::Streaming, Carrier::Polling] {
        let mut client = StompClient::open(server.address, carrier).await;
        client.connect(&short_token(&bob)).await;
        client.subscribe_to(&["messages", "renewals", "errors"]).await;
        let end = now() + 600;
        client.send("renew", json!({ "token": token(json!({ "sub": bob.id, "exp": end })) })).await;
        assert_eq!(client.message("renewals").await, json!({ "expiresAt": expiry(end) }), "{carrier:?}");
        // What is no body is told, and changes nothing.
        client.send("renew", json!({ "jwt": "x" })).await;
        let refused = client.message("errors").await;
        assert_eq!(refused["code"], "BAD_REQUEST", "{refused}");
        assert!(refused["error"].as_str().is_some_and(|error| error.starts_with("Failed to renew the token: ")));
        let mut other = StompClient::open(server.address, Carrier::Raw).await;
        other.connect(&short_token(&bob)).await;
        assert_eq!(other.failed().await, "The token has expired", "{carrier:?}");
        alice.send(group, "still here").await;
        assert_eq!(client.message("messages").await["content"], "still here", "{carrier:?}");
        client.send("renew", json!({ "token": short_token(&bob) })).await;
        client.message("renewals").await;
        assert_eq!(client.failed().await, "The token has expired", "{carrier:?}");
    }
}

#[tokio::test]
async fn another_users_token_and_one_that_is_none_end_a_stomp_session_with_an_error() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    for (given, sentence) in
        [(bob.token.as_str(), "The token is another user's"), ("nonsense", "The token is not valid")]
    {
        let mut client = StompClient::open(server.address, Carrier::Raw).await;
        client.connect(&alice.token).await;
        client.subscribe_to(&["renewals", "errors"]).await;
        client.send("renew", json!({ "token": given })).await;
        assert_eq!(client.failed().await, sentence);
    }
}
