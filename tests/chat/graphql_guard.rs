//! Hostile GraphQL texts: a kilobyte that would kill or occupy a process is refused at once, through HTTP and through
//! a WebSocket, and everybody else is served meanwhile.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::person::Person;
use crate::server::Server;

/// What a whole round trip may take in a debug build on a busy machine: a few milliseconds on a quiet one, where the
/// engine itself would need minutes or die.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Values nested so deeply that they overflow the stack of the engine's parser.
fn deep_values() -> Vec<String> {
    let (open, close) = ("[".repeat(1400), "]".repeat(1400));
    let objects = format!("{}1{}", "{a:".repeat(1400), "}".repeat(1400));
    vec![
        format!("{{ me(x: {open}{close}) {{ id }} }}"),
        format!("{{ me(x: {objects}) {{ id }} }}"),
        format!("{{ me @skip(if: {open}{close}) {{ id }} }}"),
        format!("query($v: [Int] = {open}{close}) {{ me {{ id }} }}"),
        format!("query($v: {open}Int{close}) {{ me {{ id }} }}"),
        format!("{}{}", "{ me ".repeat(1400), "}".repeat(1400)),
    ]
}

/// Fragments that double at each level, so that validation takes minutes or for ever.
fn doubling(levels: usize, spreads: usize) -> String {
    let mut query = "{ me { ...f0 } }".to_owned();
    for level in 0..levels {
        let next = format!("...f{} ", level + 1).repeat(spreads);
        write!(query, " fragment f{level} on User {{ {next}}}").unwrap();
    }
    write!(query, " fragment f{levels} on User {{ id }}").unwrap();
    query
}

fn hostile() -> Vec<String> {
    let mut queries = deep_values();
    queries.extend([doubling(24, 2), doubling(30, 2), doubling(30, 3)]);
    queries.push("{ me { ...a } } fragment a on User { ...b } fragment b on User { ...a }".to_owned());
    queries.push(format!("{{ me {{ {} }} }}", "id ".repeat(20_000)));
    queries.push(format!("{{ me {{ id {} }} }}", "@skip(if: false) ".repeat(1_000)));
    queries.push(format!("{{ {} }}", (0..300).map(|n| format!("a{n}: me {{ id }} ")).collect::<String>()));
    queries
}

async fn is_served(person: &Person) {
    assert_eq!(person.gql_ok("{ me { name } }", json!({})).await["me"]["name"], person.name.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_texts_are_refused_at_once_over_http_while_others_are_served() {
    let server = Server::start().await;
    let (mallory, bob) = (server.person("Mallory").await, server.person("Bob").await);
    let mut slowest = Duration::ZERO;
    for query in hostile() {
        let started = Instant::now();
        let (answer, ()) = tokio::join!(mallory.gql_answer(&query, json!({})), is_served(&bob));
        slowest = slowest.max(started.elapsed());
        let code = &answer.body["errors"][0]["extensions"]["code"];
        assert_eq!((answer.status, code), (400, &json!("BAD_REQUEST")), "{}", answer.text);
        assert!(answer.text.len() < 500, "{}", answer.text);
    }
    eprintln!("the slowest hostile text over HTTP took {slowest:?}");
    assert!(slowest < AT_ONCE, "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_texts_are_refused_at_once_over_a_socket_while_others_are_served() {
    let server = Server::start().await;
    let (mallory, bob) = (server.person("Mallory").await, server.person("Bob").await);
    let mut socket = mallory.socket().await;
    let mut slowest = Duration::ZERO;
    for query in hostile() {
        let started = Instant::now();
        socket.say(json!({ "type": "subscribe", "id": "1", "payload": { "query": query } })).await;
        let (answer, ()) = tokio::join!(socket.hear(), is_served(&bob));
        slowest = slowest.max(started.elapsed());
        assert_eq!((&answer["type"], &answer["id"]), (&json!("error"), &json!("1")), "{answer}");
        assert_eq!(answer["payload"][0]["extensions"]["code"], "BAD_REQUEST", "{answer}");
    }
    eprintln!("the slowest hostile text over a socket took {slowest:?}");
    assert!(slowest < AT_ONCE, "{slowest:?}");
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await["type"], "pong");
}

#[tokio::test]
async fn a_batch_of_hostile_texts_is_refused_text_by_text() {
    let server = Server::start().await;
    let mallory = server.person("Mallory").await;
    let batch: Vec<_> = hostile().into_iter().filter(|query| query.len() < 8_000).take(10).collect();
    let batch: Vec<_> = batch.into_iter().map(|query| json!({ "query": query })).collect();
    let request = mallory.request(reqwest::Method::POST, "/graphql").json(&batch);
    let answer = mallory.fetch(request).await;
    let answers = answer.body.as_array().expect("a list");
    assert_eq!(answers.len(), batch.len());
    assert!(answers.iter().all(|one| one["errors"][0]["extensions"]["code"] == "BAD_REQUEST"), "{}", answer.text);
}

#[tokio::test]
async fn a_mutation_changes_ten_things_at_once_and_no_more() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let beats = |count: usize| {
        let beats: String = (0..count).map(|n| format!("h{n}: heartbeat ")).collect();
        format!("mutation {{ {beats} }}")
    };
    assert_eq!(alice.gql_ok(&beats(10), json!({})).await["h9"], true);
    let (code, _) = alice.gql_refused(&beats(11), json!({})).await;
    assert_eq!(code, "BAD_REQUEST");
    let (code, _) = alice.gql_refused("subscription { messages { id } typing { userId } }", json!({})).await;
    assert_eq!(code, "BAD_REQUEST");
}

#[tokio::test]
async fn a_wrong_name_is_refused_without_a_hint() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let (code, message) = alice.gql_refused("{ mee { id } }", json!({})).await;
    assert_eq!(code, "BAD_REQUEST");
    assert!(!message.contains("\"me\"") && !message.to_lowercase().contains("did you mean"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_under_many_names_are_refused_before_they_are_read() {
    let server = Server::start().await;
    let mallory = server.person("Mallory").await;
    let lists = |field: &str| {
        let lists: String = (0..20).map(|n| format!("a{n}: {field} ")).collect();
        format!("{{ conversations(first: 100) {{ nodes {{ {lists} }} }} }}")
    };
    for field in ["participants { userName }", "messages(last: 1) { nodes { readReceipts { userName } } }"] {
        let (code, message) = mallory.gql_refused(&lists(field), json!({})).await;
        assert_eq!(code, "BAD_REQUEST");
        assert!(message.contains("entries of lists"), "{message}");
    }
    let searches: String =
        (0..6).map(|n| format!("s{n}: searchMessages(query: \"x\", first: 1) {{ nodes {{ id }} }} ")).collect();
    let (code, message) = mallory.gql_refused(&format!("{{ {searches} }}"), json!({})).await;
    assert_eq!((code.as_str(), message.contains("searches")), ("BAD_REQUEST", true), "{message}");
    // What ten operations ask for together is what one may ask for.
    let operation = json!({ "query": "{ conversations(first: 100) { nodes { a: participants { userName } b: participants { role } } } }" });
    let request =
        |count: usize| mallory.request(reqwest::Method::POST, "/graphql").json(&vec![operation.clone(); count]);
    assert_eq!(mallory.fetch(request(2)).await.status, 200);
    assert_eq!(mallory.fetch(request(10)).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_cut_off_beyond_eight_mebibytes_and_the_next_one_is_given() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    let text = "x".repeat(10_000);
    for _ in 0..50 {
        alice.send(room, &text).await;
    }
    let asked = |names: usize| {
        let contents: String = (0..names).map(|n| format!("c{n}: content ")).collect();
        format!("query($c: ID!) {{ conversation(id: $c) {{ messages(last: 50) {{ nodes {{ {contents} }} }} }} }}")
    };
    let variables = json!({ "c": room.to_string() });
    let (code, message) = alice.gql_refused(&asked(20), variables.clone()).await;
    assert_eq!((code.as_str(), message.as_str()), ("BAD_REQUEST", "The answer would be larger than 8 MiB"));
    let answered = alice.gql_ok(&asked(10), variables).await;
    assert_eq!(answered["conversation"]["messages"]["nodes"][49]["c9"], text);
}
