//! A request id leads to its cause: what failed stands in the log under the id that the caller was given.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::person::Answer;
use crate::process::{Home, Process};
use crate::server::execute;
use crate::sockets::until;
use crate::stomp_client::StompClient;

/// The id that the answer to a failed request gave the caller.
#[track_caller]
fn id(answer: &Answer) -> String {
    assert_eq!(answer.text.matches("Something went wrong on the server").count(), 1, "{}", answer.text);
    answer.header("x-request-id").expect("an id").to_owned()
}

/// Waits for lines that stand within a span of this name and id and tell why the statement failed: their number and the
/// span itself.
async fn causes(process: &Process, span: &str, id: &str, table: &str) -> (usize, Json) {
    let found = || {
        let logged = process.logged();
        let lines = logged.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        let spans = lines.filter_map(|line| {
            let cause = line["fields"]["cause"].as_str().filter(|cause| cause.contains(table));
            let spans = line["spans"].as_array().filter(|_| cause.is_some())?;
            spans.iter().find(|known| known["name"] == span && known["id"] == id).cloned()
        });
        spans.collect::<Vec<_>>()
    };
    until(&format!("the cause of {id} is logged"), async || !found().is_empty()).await;
    let mut spans = found();
    (spans.len(), spans.remove(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_fails_is_found_in_the_log_under_the_id_that_the_caller_was_given() {
    let home = Home::new().await;
    let process = home.serve(&["--set", "log.format=json"]).await;
    let alice = process.somebody(1, &home.token(1, "Alice").await, "Alice");
    let room = alice.group("Room", &[]).await;
    let message = alice.send(room, "before").await;
    let mut stomp =
        StompClient::raw(process.address, "/ws/chat/websocket", &[("x-request-id", "stomp.socket-1")], None).await;
    stomp.connect(&alice.token).await;
    stomp.subscribe_to(&["errors"]).await;

    execute(&home.database_url(), "ALTER TABLE chat_messages RENAME TO chat_messages_away").await;
    let messages = format!("/conversations/{room}/messages");
    let read = id(&alice.get(&messages).await);
    let sent = id(&alice.post(&messages, json!({ "content": "x" })).await);
    let edited = id(&alice.put(&format!("/messages/{message}"), json!({ "content": "x" })).await);
    let query = "query($id: ID!) { conversation(id: $id) { messages { edges { node { content } } } } }";
    let graphql = id(&alice.gql_answer(query, json!({ "id": room })).await);
    stomp.send("send", json!({ "conversationId": room, "content": "x" })).await;
    assert_eq!(stomp.message("errors").await["code"], "INTERNAL");

    let route = "/api/chat/conversations/{id}/messages";
    for (id, method, route) in [
        (read, "GET", route),
        (sent, "POST", route),
        (edited, "PUT", "/api/chat/messages/{id}"),
        (graphql, "POST", "/graphql"),
    ] {
        let (lines, span) = causes(&process, "request", &id, "chat_messages").await;
        assert_eq!(
            (lines, &span["method"], &span["route"], &span["user"]),
            (1, &json!(method), &json!(route), &json!(1))
        );
    }
    let (lines, span) = causes(&process, "connection", "stomp.socket-1", "chat_messages").await;
    assert_eq!((lines, &span["door"], &span["user"]), (1, &json!("stomp"), &json!(1)));

    // What fails after all changes of a batch were made fails for each of them.
    execute(&home.database_url(), "ALTER TABLE chat_messages_away RENAME TO chat_messages").await;
    execute(&home.database_url(), "ALTER TABLE chat_events RENAME TO chat_events_away").await;
    let request = alice.request(reqwest::Method::PUT, &format!("/api/chat/messages/{message}"));
    let request = request.header("x-request-id", "given-1").json(&json!({ "content": "y" }));
    assert_eq!(id(&alice.fetch(request).await), "given-1");
    causes(&process, "request", "given-1", "chat_events").await;
    let batch = process.logged();
    let batch = batch.lines().filter(|line| line.contains("chat_events") && line.contains("\"name\":\"batch\""));
    assert_eq!(batch.count(), 1);
    let ended = tokio::time::timeout(Duration::from_secs(60), process.terminate()).await.expect("it ends");
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
