//! The log of an operator's day: a line at the start and at the end, the access log, and who was turned away. It never holds
//! a token, nor what people write.

use serde_json::{Value as Json, json};

use crate::process::{Home, Process};
use crate::sockets::until;
use crate::stomp_client::{Carrier, StompClient};

/// The lines so far whose fields have this message.
fn lines(logged: &str, message: &str) -> Vec<Json> {
    let lines = logged.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    lines.filter(|line| line["fields"]["message"] == message).collect()
}

/// Waits for a line with this message of which this is so.
async fn line(process: &Process, message: &str, is_it: impl Fn(&Json) -> bool) -> Json {
    let find =
        || lines(&process.logged(), message).into_iter().map(|mut line| line["fields"].take()).find(|line| is_it(line));
    until(&format!("{message}: {}", process.logged()), async || find().is_some()).await;
    find().expect("it is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_line_says_with_what_a_server_has_started_and_one_why_it_has_stopped() {
    let home = Home::new().await;
    std::fs::write(home.folder.join("confab.toml"), "[log]\nformat = \"json\"\n").expect("a file");
    let secret = "a secret of the log, longer than 32 bytes";
    let process = home.serve(&["--set", &format!("auth.jwt_secret={secret}")]).await;
    let started = line(&process, "the server has started", |_| true).await;
    let kind = if home.postgres().is_some() { "postgresql 1" } else { "sqlite 3." };
    assert_eq!(started["version"], env!("CARGO_PKG_VERSION"));
    assert!(started["database"].as_str().expect("a text").starts_with(kind), "{started}");
    assert_eq!(started["address"], process.address.to_string());
    let settings = started["settings"].as_str().expect("a text");
    for source in ["confab.toml", "--set auth.jwt_secret", "--set server.bind"] {
        assert!(settings.contains(source), "{settings}");
    }
    assert!(!settings.contains(secret), "{settings}");

    let token = home.printed(&["token", "--user", "1", "--set", &format!("auth.jwt_secret={secret}")]).await;
    let alice = process.somebody(1, token.trim_end(), "Alice");
    let _open = [alice.socket().await, alice.socket().await];
    let ended = process.terminate().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let [stopped] = <[Json; 1]>::try_from(lines(&ended.err, "the server has stopped")).expect("one line");
    let stopped = &stopped["fields"];
    assert_eq!((&stopped["why"], &stopped["sessions"]), (&json!("SIGTERM"), &json!(2)));
    assert!(stopped["seconds"].as_f64().is_some_and(|seconds| (0.0..60.0).contains(&seconds)), "{stopped}");
    assert_eq!(lines(&ended.err, "the server has started").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_gets_a_line_where_that_is_asked_for_whatever_the_level_is() {
    let home = Home::new().await;
    let arguments = ["--set", "log.format=json", "--set", "log.level=warn", "--set", "log.access=true"];
    let process = home.serve(&arguments).await;
    let alice = process.somebody(1, &home.token(1, "Alice").await, "Alice");
    let room = alice.group("Room of canaries", &[]).await;
    let path = format!("/api/chat/conversations/{room}/messages?limit=canary");
    let request = alice.request(reqwest::Method::GET, &path).header("x-request-id", "access-1");
    assert_eq!(alice.fetch(request).await.status, 400);
    let told = line(&process, "request", |line| line["request_id"] == "access-1").await;
    for (field, expected) in [
        ("method", json!("GET")),
        ("route", json!("/api/chat/conversations/{id}/messages")),
        ("status", json!(400)),
        ("user", json!(1)),
        ("address", json!("127.0.0.1")),
    ] {
        assert_eq!(told[field], expected, "{told}");
    }
    assert!(told["milliseconds"].as_f64().is_some_and(|took| took > 0.0 && took < 60_000.0), "{told}");
    assert!(told.get("operation").is_none(), "{told}");

    let query = r#"query Rooms { conversations(first: 1) { edges { node { name } } } }"#;
    alice.gql_ok(query, json!({})).await;
    let told = line(&process, "request", |line| line["operation"] == "Rooms").await;
    assert_eq!((&told["route"], &told["user"], &told["status"]), (&json!("/graphql"), &json!(1), &json!(200)));
    let batch = json!([{ "query": "query One { me { id } }" }, { "query": "{ me { id } }" }, { "query": "query Two { me { id } }" }]);
    alice.fetch(alice.request(reqwest::Method::POST, "/graphql").json(&batch)).await;
    line(&process, "request", |line| line["operation"] == "One,Two").await;

    // What nobody is known by is told, too, and what a client makes up is not.
    let http = reqwest::Client::new();
    let nowhere = format!("http://{}/nowhere/canary?token=canary", process.address);
    http.request("CANARY".parse().expect("a method"), nowhere).send().await.expect("an answer");
    let told = line(&process, "request", |line| line["route"] == "none").await;
    assert_eq!((&told["method"], told.get("user")), (&json!("other"), None), "{told}");

    let logged = process.logged();
    assert!(!logged.to_lowercase().contains("canar"), "{logged}");
    assert!(alice.token.split('.').all(|part| !logged.contains(part)), "{logged}");
    assert!(lines(&logged, "the server has started").is_empty(), "the level holds for the rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_gets_a_line_when_it_opens_and_one_that_says_why_it_ended() {
    let home = Home::new().await;
    let process = home.serve(&["--set", "log.format=json", "--set", "log.access=true"]).await;
    let alice = process.somebody(1, &home.token(1, "Alice").await, "Alice");
    let opened = async |door: &str| line(&process, "session opened", |line| line["door"] == door).await;
    let ended = async |door: &str, why: &str| {
        let told = line(&process, "session ended", |line| line["door"] == door && line["why"] == why).await;
        assert_eq!((&told["user"], &told["address"]), (&json!(1), &json!("127.0.0.1")), "{told}");
        assert!(told["seconds"].as_f64().is_some_and(|seconds| (0.0..600.0).contains(&seconds)), "{told}");
        told
    };
    let mut stomp =
        StompClient::raw(process.address, "/ws/chat/websocket", &[("x-request-id", "socket-1")], None).await;
    stomp.connect(&alice.token).await;
    assert_eq!(opened("stomp").await["request_id"], "socket-1");
    stomp.say("DISCONNECT\n\n\0").await;
    assert_eq!(ended("stomp", "The client has said goodbye").await["request_id"], "socket-1");

    let mut rude = alice.stomp(Carrier::WebSocket).await;
    rude.say("CANARY\n\n\0").await;
    rude.failed().await;
    drop(alice.socket().await);
    ended("graphql", "The client has left").await;
    let mut wrong = alice.socket().await;
    wrong.say(json!({ "type": "canary" })).await;
    assert_eq!(wrong.closed().await.0, 4400);
    ended("graphql", "Unknown message type").await;

    let admin = home.printed(&["token", "--user", "9", "--admin"]).await;
    let admin = process.somebody(9, admin.trim_end(), "Admin");
    let mut banned = alice.subscribe("subscription { messages { id } }").await;
    admin.gql_ok(r#"mutation { banUser(userId: "1") { id } }"#, json!({})).await;
    assert_eq!(banned.closed().await.0, 4403);
    ended("graphql", "You are banned from this server").await;

    let _open = admin.socket().await;
    let stopped = process.terminate().await;
    let last = lines(&stopped.err, "session ended").pop().expect("a line");
    assert_eq!(last["fields"]["why"], "The server is stopping", "{last}");
    assert_eq!(lines(&stopped.err, "session opened").len(), lines(&stopped.err, "session ended").len());
    assert!(!stopped.err.to_lowercase().contains("canary"), "{}", stopped.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_no_request_has_a_line_and_a_refused_origin_has_one_a_minute() {
    let home = Home::new().await;
    let process = home.serve(&["--set", "log.format=json"]).await;
    let http = reqwest::Client::new();
    for _ in 0..3 {
        for origin in ["https://one.example", "https://two.example"] {
            let request = http.get(format!("http://{}/health/live", process.address)).header("origin", origin);
            request.send().await.expect("an answer");
        }
    }
    let ended = process.terminate().await;
    let refused: Vec<&str> = ended.err.lines().filter(|line| line.contains("cors.allowed_origins")).collect();
    assert_eq!(refused.len(), 2, "{}", ended.err);
    assert!(!ended.err.contains("confab::access"), "{}", ended.err);
}
