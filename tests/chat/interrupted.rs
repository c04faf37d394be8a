//! A stream of events that is interrupted and not over: it ends without `complete`, and its client comes back with the id
//! of what it heard last and hears what it has missed (protocol §6, §13).

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::person::Person;
use crate::server::{Server, now, token};
use crate::sockets::{EventStream, QUIET};

const MESSAGES: &str = "subscription { messages { content } }";
const SUBSCRIPTIONS: [(&str, &str); 2] = [
    (MESSAGES, "/messages/content"),
    ("subscription { events { ... on MessageEvent { message { content } } } }", "/events/message/content"),
];

fn stream(person: &Person) -> RequestBuilder {
    person.request(Method::POST, "/graphql")
}

async fn resume(person: &Person, query: &str, heard: &str) -> EventStream {
    EventStream::open(stream(person).header("last-event-id", heard), query).await
}

#[tokio::test]
async fn a_stop_of_the_server_is_no_end_and_what_was_missed_is_heard_once_and_in_order() {
    let mut server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let mut streams = Vec::new();
    for (query, content) in SUBSCRIPTIONS {
        streams.push((query, content, EventStream::open(stream(&bob), query).await));
    }
    alice.send(group, "heard").await;
    for (query, content, events) in &mut streams {
        assert_eq!(events.event().await.pointer(content), Some(&json!("heard")), "{query}");
    }
    // This one hears nothing, and still has something to come back with.
    let mut quiet = EventStream::open(stream(&bob), MESSAGES).await;
    let (rest, ()) = tokio::join!(quiet.rest(), server.stop());
    assert_eq!(rest, Vec::<String>::new(), "no complete");
    for (query, _, events) in &mut streams {
        assert_eq!(events.rest().await, Vec::<String>::new(), "{query}");
    }
    server.resume().await;
    let (alice, bob) = (server.somebody(1, &alice.token, "Alice"), server.somebody(2, &bob.token, "Bob"));
    for content in ["missed", "missed, too"] {
        alice.send(group, content).await;
    }
    streams.push((MESSAGES, SUBSCRIPTIONS[0].1, quiet));
    let mut missed = vec!["missed", "missed, too"];
    for (query, content, events) in streams {
        let mut back = resume(&bob, query, events.last_id().expect("an id")).await;
        for missed in &missed {
            assert_eq!(back.event().await.pointer(content), Some(&json!(missed)), "{query}");
        }
        alice.send(group, "live").await;
        assert_eq!(back.event().await.pointer(content), Some(&json!("live")), "{query}");
        missed.push("live");
        let last = back.last_id().expect("an id").to_owned();
        drop(back);
        let mut again = resume(&bob, query, &last).await;
        assert!(tokio::time::timeout(QUIET, again.next()).await.is_err(), "{query}: nothing comes twice");
    }
}

#[tokio::test]
async fn the_end_of_a_token_is_an_error_of_the_operation_and_not_its_end() {
    let server = Server::start().await;
    let bob = server.person("Bob").await;
    // The leeway is 30 s: this one has two seconds left.
    let short = server.somebody(bob.id, &token(json!({ "sub": bob.id, "name": "Bob", "exp": now() - 28 })), "Bob");
    let mut events = EventStream::open(stream(&short), MESSAGES).await;
    let (name, data) = events.next().await;
    let expired = json!([{ "message": "The token has expired", "extensions": { "code": "UNAUTHENTICATED" } }]);
    assert_eq!((name.as_str(), &data["errors"]), ("next", &expired));
    assert_eq!(events.rest().await, Vec::<String>::new());
    // With a new token it is where it was.
    let mut back = resume(&bob, MESSAGES, events.last_id().expect("an id")).await;
    let group = bob.group("Team", &[]).await;
    bob.send(group, "Hello").await;
    assert_eq!(back.event().await["messages"]["content"], "Hello");
}

#[tokio::test]
async fn an_id_that_is_no_cursor_is_refused_for_good_and_means_nothing_to_what_is_not_durable() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    for bad in ["7", "nonsense", "00000000-0000-0000-0000-000000000000.1"] {
        let mut events = resume(&bob, MESSAGES, bad).await;
        let (name, data) = events.next().await;
        assert_eq!((name.as_str(), &data["errors"][0]["extensions"]["code"]), ("next", &json!("BAD_REQUEST")), "{bad}");
        assert_eq!(events.rest().await, ["complete"], "{bad}");
    }
    for id in ["", "7"] {
        let mut events = resume(&bob, "subscription { typing { typing } }", id).await;
        alice
            .gql_ok("mutation($id: ID!) { setTyping(conversationId: $id, typing: true) }", json!({ "id": group }))
            .await;
        assert_eq!(events.event().await["typing"]["typing"], true, "{id}");
        assert_eq!(events.last_id(), None, "what is not in the log has no cursor");
        alice
            .gql_ok("mutation($id: ID!) { setTyping(conversationId: $id, typing: false) }", json!({ "id": group }))
            .await;
    }
}

#[tokio::test]
async fn a_subscription_that_cannot_begin_now_is_not_over() {
    let server = Server::start_with(|config| config.limits.connections_per_user = 1).await;
    let bob = server.person("Bob").await;
    let socket = bob.socket().await;
    let mut events = EventStream::open(stream(&bob), MESSAGES).await;
    let (name, data) = events.next().await;
    assert_eq!((name.as_str(), &data["errors"][0]["extensions"]["code"]), ("next", &json!("RATE_LIMITED")));
    assert_eq!(events.rest().await, Vec::<String>::new(), "no complete");
    drop(socket);
}
