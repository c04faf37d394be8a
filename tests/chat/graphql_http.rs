//! GraphQL over HTTP: methods, content types, what is accepted, batches, and what is refused how (protocol §6).

use reqwest::{Method, RequestBuilder};
use serde_json::{Value as Json, json};

use crate::person::{Answer, Person};
use crate::server::Server;

const RESPONSE: &str = "application/graphql-response+json; charset=utf-8";

fn post(person: &Person) -> RequestBuilder {
    person.request(Method::POST, "/graphql")
}

fn get(person: &Person, query: &[(&str, &str)]) -> RequestBuilder {
    let encoded = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    person.request(Method::GET, &format!("/graphql?{}", query.join("&")))
}

/// Asserts the status and the code of what was refused.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let error = &answer.body["errors"][0];
    assert_eq!(error["extensions"]["code"], code, "{}", answer.text);
    let sentence = error["message"].as_str().unwrap_or_default();
    assert!(!sentence.is_empty() && !sentence.ends_with('.'), "{}", answer.text);
}

async fn alice() -> (Server, Person) {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    (server, alice)
}

#[tokio::test]
async fn a_query_is_answered_by_post_and_by_get() {
    let (_server, alice) = alice().await;
    let me = json!({ "data": { "me": { "id": alice.id.to_string(), "name": "Alice" } } });
    let posted = alice.fetch(post(&alice).json(&json!({ "query": "{ me { id name } }" }))).await;
    assert_eq!((posted.status, &posted.body), (200, &me));
    assert_eq!(posted.header("content-type"), Some("application/json; charset=utf-8"));
    let asked = alice.gql_answer("{ me { id name } }", json!({})).await;
    assert_eq!((asked.header("content-type"), &asked.body), (Some(RESPONSE), &me));
    assert_eq!(posted.header("cache-control"), Some("no-store"));
    let got = alice.fetch(get(&alice, &[("query", "{ me { id name } }")])).await;
    assert_eq!((got.status, &got.body), (200, &me));
    let query = "query User($id: ID!) { user(id: $id) { name } } query Other { me { id } }";
    let variables = json!({ "id": alice.id }).to_string();
    let got = alice.fetch(get(&alice, &[("query", query), ("operationName", "User"), ("variables", &variables)])).await;
    assert_eq!(got.body, json!({ "data": { "user": { "name": "Alice" } } }));
}

#[tokio::test]
async fn a_mutation_changes_nothing_by_get_and_other_methods_are_named() {
    let (_server, alice) = alice().await;
    let mutation = "mutation { createGroup(input: { name: \"By GET\" }) { id } }";
    let refusal = alice.fetch(get(&alice, &[("query", mutation)])).await;
    refused(&refusal, 405, "METHOD_NOT_ALLOWED");
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let request = alice.request(method, "/graphql").json(&json!({ "query": mutation }));
        let refusal = alice.fetch(request).await;
        refused(&refusal, 405, "METHOD_NOT_ALLOWED");
        assert_eq!(refusal.header("allow"), Some("GET, POST"));
    }
    assert_eq!(alice.get("/conversations").await.ok(), json!([]));
}

#[tokio::test]
async fn only_json_is_taken_so_that_no_form_of_another_site_can_change_anything() {
    let (_server, alice) = alice().await;
    let body = json!({ "query": "mutation { createGroup(input: { name: \"Forged\" }) { id } }" }).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let mut request = post(&alice).body(body.clone());
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        refused(&alice.fetch(request).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let request = post(&alice).header("content-type", "application/json").header("content-encoding", "gzip");
    refused(&alice.fetch(request.body(body)).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(alice.get("/conversations").await.ok(), json!([]));
}

#[tokio::test]
async fn the_status_of_a_refusal_follows_what_the_caller_accepts() {
    let (_server, alice) = alice().await;
    let invalid =
        ["{ nobody }", "{ me {", "query A { me { id } } query B { me { id } }", "query($x: Int) { me { id(y: $x) } }"];
    for query in invalid {
        let body = json!({ "query": query });
        for (accept, status) in [
            ("application/graphql-response+json", 400),
            ("application/graphql-response+json, application/json;q=0.9", 400),
            ("*/*", 200),
            ("application/graphql-response+json;q=0.5, */*", 200),
            ("application/json", 200),
            ("application/graphql-response+json;q=0, application/json", 200),
        ] {
            let answer = alice.fetch(post(&alice).header("accept", accept).json(&body)).await;
            refused(&answer, status, "BAD_REQUEST");
            assert!(answer.body.get("data").is_none_or(Json::is_null), "{accept}: {}", answer.text);
        }
    }
    // What is no request of GraphQL at all is 400 for everybody.
    for body in ["{", "7", "{}", r#"{"query": 7}"#, r#"{"query": "{ me { id } }", "variables": []}"#] {
        let request = post(&alice).header("content-type", "application/json").header("accept", "application/json");
        refused(&alice.fetch(request.body(body)).await, 400, "BAD_REQUEST");
    }
    let unknown = alice.fetch(post(&alice).header("accept", "image/png").json(&json!({ "query": "{ me { id } }" })));
    refused(&unknown.await, 406, "NOT_ACCEPTABLE");
}

#[tokio::test]
async fn a_failure_while_running_is_no_bad_request() {
    let (_server, alice) = alice().await;
    let answer = alice.gql_answer("{ me { id } conversation(id: 4711) { id } }", json!({})).await;
    refused(&answer, 200, "NOT_FOUND");
    assert_eq!(answer.body["errors"][0]["message"], "Conversation not found");
    assert_eq!(answer.body["errors"][0]["path"], json!(["conversation"]));
    for id in ["0", "-1", "abc", "9007199254740992"] {
        let answer = alice.gql_answer("query($id: ID!) { conversation(id: $id) { id } }", json!({ "id": id })).await;
        assert_eq!(answer.body["errors"][0]["extensions"]["code"], "BAD_REQUEST", "{}", answer.text);
    }
}

#[tokio::test]
async fn operations_are_chosen_by_name() {
    let (_server, alice) = alice().await;
    let query = "query A { me { id } } query B { me { name } }";
    let run = async |name: Json| {
        let body = json!({ "query": query, "operationName": name });
        alice.fetch(post(&alice).json(&body)).await
    };
    assert_eq!(run(json!("B")).await.body, json!({ "data": { "me": { "name": "Alice" } } }));
    refused(&run(json!(null)).await, 200, "BAD_REQUEST");
    refused(&run(json!("C")).await, 200, "BAD_REQUEST");
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order_and_has_ten_operations_at_most() {
    let (_server, alice) = alice().await;
    let batch = |count: usize| -> Vec<Json> {
        (0..count).map(|place| json!({ "query": format!("{{ place{place}: me {{ name }} }}") })).collect()
    };
    let answer = alice.fetch(post(&alice).json(&batch(10))).await;
    assert_eq!(answer.status, 200);
    for (place, one) in answer.body.as_array().expect("a list").iter().enumerate() {
        assert_eq!(one["data"][format!("place{place}")]["name"], "Alice");
    }
    for accept in ["*/*", "application/json"] {
        refused(&alice.fetch(post(&alice).header("accept", accept).json(&batch(11))).await, 400, "BAD_REQUEST");
    }
    refused(&alice.fetch(post(&alice).json(&json!([]))).await, 400, "BAD_REQUEST");
    let mixed = json!([{ "query": "{ me { id } }" }, { "query": "{ nobody }" }, { "query": "subscription { messages { id } }" }]);
    let answer = alice.fetch(post(&alice).json(&mixed)).await;
    assert_eq!(answer.body[0]["data"]["me"]["id"], alice.id.to_string());
    assert_eq!(answer.body[1]["errors"][0]["extensions"]["code"], "BAD_REQUEST");
    assert_eq!(answer.body[2]["errors"][0]["extensions"]["code"], "NOT_ACCEPTABLE");
}

#[tokio::test]
async fn nobody_is_served_without_a_token_in_the_header() {
    let (server, alice) = alice().await;
    let anonymous =
        |path: &str| reqwest::Client::new().post(server.url(path)).json(&json!({ "query": "{ me { id } }" }));
    let by_url = format!("/graphql?token={}", alice.token);
    for request in [anonymous("/graphql"), anonymous("/graphql").bearer_auth("nonsense"), anonymous(&by_url)] {
        let refusal = alice.fetch(request).await;
        refused(&refusal, 401, "UNAUTHENTICATED");
        assert_eq!(refusal.header("www-authenticate"), Some("Bearer"));
        assert!(refusal.header("x-request-id").is_some());
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let (_server, alice) = alice().await;
    let body = json!({ "query": "{ me { id } }", "extensions": { "padding": "x".repeat(256 * 1024) } });
    refused(&alice.fetch(post(&alice).json(&body)).await, 413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn a_subscription_by_post_needs_a_stream_and_a_query_does_not_become_one() {
    let (_server, alice) = alice().await;
    let subscription = json!({ "query": "subscription { messages { id } }" });
    refused(&alice.fetch(post(&alice).json(&subscription)).await, 406, "NOT_ACCEPTABLE");
    let query = json!({ "query": "{ me { name } }" });
    let everything = "application/graphql-response+json, application/json, text/event-stream";
    let answer = alice.fetch(post(&alice).header("accept", everything).json(&query)).await;
    assert_eq!(answer.header("content-type"), Some(RESPONSE));
    let answer = alice.fetch(post(&alice).header("accept", "text/event-stream").json(&query)).await;
    assert_eq!(
        answer.text,
        "event: next\ndata: {\"data\":{\"me\":{\"name\":\"Alice\"}}}\n\nevent: complete\ndata:\n\n"
    );
}

#[tokio::test]
async fn an_offer_of_another_protocol_is_no_handshake() {
    let (_server, alice) = alice().await;
    let h2c = post(&alice).header("connection", "upgrade, http2-settings").header("upgrade", "h2c");
    let answer =
        alice.fetch(h2c.header("http2-settings", "AAMAAABk").json(&json!({ "query": "{ me { name } }" }))).await;
    assert_eq!(answer.body["data"]["me"]["name"], "Alice", "{}", answer.text);
    let broken = alice.request(Method::GET, "/graphql").header("connection", "upgrade").header("upgrade", "websocket");
    refused(&alice.fetch(broken).await, 400, "BAD_REQUEST");
}

#[tokio::test]
async fn a_browser_gets_graphiql_from_this_server_alone() {
    let (server, alice) = alice().await;
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let page = alice.fetch(reqwest::Client::new().get(server.url("/graphql")).header("accept", browser)).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("http") && !policy.contains("unsafe-eval"), "{policy}");
    assert!(!page.text.contains("://"), "the page names another host");
    assert!(!page.text.contains("<script>") && !page.text.contains("onload"), "the policy would block it");
    let links = page.text.split(['"', '\'']).filter(|text| text.starts_with("graphiql/"));
    let files: Vec<String> = links.map(|file| format!("/{file}")).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let answer = alice.fetch(reqwest::Client::new().get(server.url(&file))).await;
        assert_eq!((answer.status, answer.text.is_empty()), (200, false), "{file}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    let missing = alice.fetch(reqwest::Client::new().get(server.url("/graphiql/..%2f..%2fCargo.toml"))).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn the_page_and_the_schema_can_be_switched_off() {
    let server = Server::start_with(|config| {
        config.graphql.graphiql = false;
        config.graphql.introspection = false;
    })
    .await;
    let alice = server.person("Alice").await;
    let page = alice.fetch(reqwest::Client::new().get(server.url("/graphql")).header("accept", "text/html,*/*")).await;
    refused(&page, 401, "UNAUTHENTICATED");
    for query in ["{ __schema { types { name } } }", "{ __type(name: \"Message\") { name } }"] {
        refused(&alice.gql_answer(query, json!({})).await, 400, "BAD_REQUEST");
    }
    assert_eq!(alice.gql_ok("{ __typename }", json!({})).await, json!({ "__typename": "Query" }));
}

#[tokio::test]
async fn fields_come_in_the_order_in_which_they_were_asked_for() {
    let (_server, alice) = alice().await;
    let conversation = alice.group("Team", &[]).await;
    alice.send(conversation, "Hello").await;
    // The middle ones have to be loaded, the others are there at once.
    let query = "query($id: ID!) { me { id } conversation(id: $id) { id messages(last: 1) { nodes { sender { name } id \
                 parent { id } content } } name } b: me { name } a: me { id } }";
    let answer = alice.gql_answer(query, json!({ "id": conversation })).await;
    let places: Vec<usize> =
        ["\"me\"", "\"messages\"", "\"sender\"", "\"parent\"", "\"content\"", "\"Team\"", "\"b\"", "\"a\""]
            .iter()
            .map(|name| answer.text.find(name).expect("it was asked for"))
            .collect();
    assert!(places.is_sorted(), "{}", answer.text);
}

#[tokio::test]
async fn a_rate_limit_tells_when_to_come_back() {
    let server = Server::start_with(|config| config.limits.messages_per_minute = 2).await;
    let alice = server.person("Alice").await;
    let conversation = alice.group("Team", &[]).await;
    let send = "mutation($id: ID!) { a: sendMessage(input: { conversationId: $id, content: \"1\" }) { id } \
                b: sendMessage(input: { conversationId: $id, content: \"2\" }) { id } \
                c: sendMessage(input: { conversationId: $id, content: \"3\" }) { id } }";
    let answer = alice.gql(send, json!({ "id": conversation })).await;
    let error = &answer["errors"][0];
    assert_eq!((&error["path"], &error["extensions"]["code"]), (&json!(["c"]), &json!("RATE_LIMITED")), "{answer}");
    let seconds = error["extensions"]["retryAfterSeconds"].as_u64().expect("seconds");
    assert!((1..=60).contains(&seconds), "{answer}");
}

#[tokio::test]
async fn a_field_that_fails_is_null_and_its_neighbours_are_answered() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let group = alice.group("Team", &[]).await;
    let query = format!("{{ me {{ id }} conversation(id: 999) {{ id }} other: conversation(id: {group}) {{ name }} }}");
    let answer = alice.gql_answer(&query, json!({})).await;
    assert_eq!(answer.status, 200);
    let expected = json!({ "me": { "id": alice.id.to_string() }, "conversation": null, "other": { "name": "Team" } });
    assert_eq!(answer.body["data"], expected);
    assert_eq!(answer.body["errors"][0]["path"], json!(["conversation"]));
    // What may not be null takes what is around it along.
    let query =
        format!("{{ conversation(id: {group}) {{ name messages(first: -1) {{ nodes {{ id }} }} }} me {{ name }} }}");
    let answer = alice.gql(&query, json!({})).await;
    assert_eq!(answer["data"], json!({ "conversation": null, "me": { "name": "Alice" } }), "{answer}");
    let answer = alice.gql("mutation { heartbeat setMuted(conversationId: 999) { id } }", json!({})).await;
    assert_eq!((&answer["data"], answer.get("data").is_some()), (&Json::Null, true), "{answer}");
}

#[tokio::test]
async fn a_request_that_is_refused_has_no_data_and_says_what_is_wrong_with_it() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    for (query, variables, sentence) in [
        ("query($i: ID!) { user(id: $i) { id } }", json!({}), "The variable i needs a value"),
        ("query($i: ID!) { user(id: $i) { id } }", json!({ "i": null }), "The variable i needs a value"),
        ("query($s: Boolean!) { me { id name @skip(if: $s) } }", json!({}), "The variable s needs a value"),
        (
            "query($n: Int) { conversations(first: $n) { nodes { id } } }",
            json!({ "n": 99_999_999_999_i64 }),
            "The variable n is no whole number of 32 bits",
        ),
    ] {
        let answer = alice.gql_answer(query, variables).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(answer.body["errors"][0]["message"], sentence);
        assert!(answer.body.get("data").is_none(), "{}", answer.text);
    }
    // The sentence is that of the other doors, without what the engine puts around it.
    for (query, path) in [
        ("{ conversation(id: 0) { id } }", json!(["conversation"])),
        (
            "mutation { sendMessage(input: { conversationId: 1, content: \"x\", attachmentIds: [\"x\"] }) { id } }",
            json!(["sendMessage"]),
        ),
    ] {
        let answer = alice.gql(query, json!({})).await;
        assert_eq!(answer["errors"][0]["message"], "An id is a positive whole number below 2^53", "{answer}");
        assert_eq!(answer["errors"][0]["path"], path);
    }
    let answer =
        alice.fetch(alice.request(reqwest::Method::GET, "/graphql?query=%7Bme%7Bid%7D%7D&variables=%7Bx")).await;
    assert_eq!(answer.body["errors"][0]["message"], "The parameter variables is not a JSON object");
}
