//! SockJS over HTTP where several servers have one PostgreSQL database, and a balancer sends each request to whichever it
//! likes (protocol §14).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use confab::config::Config;
use futures_util::future::select_all;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, Method};
use serde_json::json;
use sha2::Sha256;
use tokio::time::timeout;

use crate::balancer::Balancer;
use crate::person::Person;
use crate::process::{Home, Process, signal};
use crate::server::{Server, now, token};
use crate::sockets::until;
use crate::sockjs_receiver::Receiver;
use crate::stomp_client::{Carrier, StompClient, new_session};

const OVER_HTTP: [Carrier; 4] = [Carrier::Polling, Carrier::Streaming, Carrier::EventSource, Carrier::HtmlFile];
/// Longer than any answer that comes at once takes.
const A_WHILE: Duration = Duration::from_secs(2);

type Headers<'h> = &'h [(&'h str, &'h str)];

/// Has each server tell the others its address.
fn with_address(config: &mut Config) {
    config.cluster.address = Some("of the server".to_owned());
}

async fn two(change: impl Fn(&mut Config)) -> Option<(Server, Server)> {
    let here = Server::start_with_room_for_twins(change).await?;
    let there = here.twin().await;
    Some((here, there))
}

/// What a server answers to a request of a session: the status and the text.
async fn ask(at: SocketAddr, session: &str, verb: &str, body: &str) -> (u16, String) {
    ask_as(at, &format!("{session}/{verb}"), body, &[]).await
}

async fn ask_as(at: SocketAddr, path: &str, body: &str, headers: Headers<'_>) -> (u16, String) {
    let request = Client::new().post(format!("http://{at}{path}")).body(body.to_owned());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("all of it"))
}

/// A poll that receives, since another one is told that it does.
async fn receiving(at: SocketAddr, session: &str) -> Pin<Box<dyn Future<Output = (u16, String)>>> {
    let polls = [0, 1].map(|_| {
        let session = session.to_owned();
        Box::pin(async move { ask(at, &session, "xhr", "").await })
    });
    let ((status, text), _, mut others) = select_all(polls).await;
    assert_eq!((status, text.as_str()), (200, "c[2010,\"Another connection still open\"]\n"));
    others.remove(0)
}

/// What is passed on so far in this process, by outcome; all servers of a test count together.
async fn passed_on(at: SocketAddr, outcome: &str) -> u64 {
    let text = reqwest::get(format!("http://{at}/metrics")).await.expect("numbers").text().await.expect("text");
    let line = format!("confab_requests_forwarded_total{{outcome=\"{outcome}\"}} ");
    text.lines().find_map(|row| row.strip_prefix(&line)).map_or(0, |count| count.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_session_over_http_connects_sends_and_hears_wherever_its_requests_go() {
    let Some((here, there)) = two(with_address).await else { return };
    let third = here.twin().await;
    let balancer = Balancer::over(vec![here.address, there.address, third.address]).await;
    let (alice, bob) = (here.person("Alice").await, here.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let before = passed_on(here.address, "answered").await;
    let sessions = (0..20).map(|number| {
        let (address, token, carrier) = (balancer.address, bob.token.clone(), OVER_HTTP[number % 4]);
        tokio::spawn(async move {
            let mut session =
                StompClient::over_http(address, carrier, &new_session(), &format!("?token={token}")).await;
            session.connect(&token).await;
            session.subscribe("told", "/user/queue/chat/messages").await;
            let text = format!("from {number} % \u{1f600}");
            session.send("send", json!({ "conversationId": group, "content": text })).await;
            loop {
                if session.hear_for("told").await.json()["content"] == text {
                    return session;
                }
            }
        })
    });
    let mut connected = Vec::new();
    for session in sessions.collect::<Vec<_>>() {
        connected.push(session.await.expect("a session that was opened, and hears what it sends"));
    }
    assert_eq!(connected.len(), 20);
    alice.at(third.address).send(group, "to all").await;
    for session in &mut connected {
        while session.hear_for("told").await.json()["content"] != "to all" {}
    }
    let forwarded = passed_on(here.address, "answered").await - before;
    println!("{} requests came to the balancer, {forwarded} were passed on", balancer.passed());
    // Of what follows the first requests, two of three go astray.
    assert!(forwarded as usize >= balancer.passed() / 3, "{forwarded} of {}", balancer.passed());
    for session in &mut connected {
        session.disconnect().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_addresses_a_session_is_at_the_server_where_it_began() {
    let Some((here, there)) = two(|_| {}).await else { return };
    let session = new_session();
    assert_eq!(ask(here.address, &session, "xhr", "").await, (200, "o\n".to_owned()));
    assert_eq!(ask(there.address, &session, "xhr_send", "[\"\\n\"]").await, (404, String::new()));
    assert_eq!(ask(here.address, &session, "xhr_send", "[\"\\n\"]").await.0, 204);
    assert_eq!(
        ask(there.address, &session, "xhr", "").await,
        (200, "o\n".to_owned()),
        "another session of the same name"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_first_requests_at_two_servers_at_once_one_begins_the_session() {
    let Some((here, there)) = two(with_address).await else { return };
    for _ in 0..20 {
        let session = new_session();
        let polls = [here.address, there.address].map(|at| {
            let session = session.clone();
            tokio::spawn(async move { ask(at, &session, "xhr", "").await })
        });
        let mut opened = 0;
        let mut waiting = Vec::new();
        for mut poll in polls {
            match timeout(A_WHILE / 4, &mut poll).await {
                Ok(answer) => opened += usize::from(answer.expect("an answer") == (200, "o\n".to_owned())),
                Err(_) => waiting.push(poll),
            }
        }
        assert_eq!(opened, 1, "{session}");
        for at in [here.address, there.address] {
            assert_eq!(ask(at, &session, "xhr_send", "[\"\\n\"]").await.0, 204, "{session}");
        }
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_passed_on_is_answered_as_it_would_be_there() {
    let open = |config: &mut Config| {
        with_address(config);
        config.cors.allowed_origins = vec!["https://a.example".to_owned()];
    };
    let Some((here, there)) = two(open).await else { return };
    let (alice, mallory) = (here.person("Alice").await, here.person("Mallory").await);
    let session = new_session();
    let mut client = StompClient::over_http(here.address, Carrier::Streaming, &session, "").await;
    client.connect(&alice.token).await;
    // Each is asked where the session is, and where it is not.
    let large = format!("[\"{}\"]", "\\n".repeat(128 * 1024));
    let foreign = format!("Bearer {}", mallory.token);
    let own = format!("Bearer {}", alice.token);
    let with_cookie = [("cookie", "a=b"), ("cookie", "JSESSIONID=x"), ("origin", "https://a.example")];
    let asked: [(&str, &str, Headers<'_>); 9] = [
        ("xhr_send", "[\"\\n\"]", &[]),
        ("xhr_send", "[\"\\n\"]", &with_cookie),
        ("xhr_send", "", &[]),
        ("xhr_send", "[\"x", &[]),
        ("xhr_send", &large, &[]),
        ("xhr_send", "[\"\\n\"]", &[("content-encoding", "gzip")]),
        ("xhr_send", "[\"\\n\"]", &[("authorization", &foreign)]),
        ("xhr_send", "[\"\\n\"]", &[("authorization", &own)]),
        ("xhr", "", &[]),
    ];
    for (verb, body, headers) in asked {
        let mut answers = Vec::new();
        for at in [here.address, there.address] {
            let request = Client::new().post(format!("http://{at}{session}/{verb}")).body(body.to_owned());
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let answer = request.send().await.expect("an answer");
            let mut headers = BTreeMap::new();
            for (name, value) in answer.headers() {
                let value = value.to_str().expect("text").to_owned();
                headers.entry(name.to_string()).or_insert_with(Vec::new).push(value);
            }
            for differs in ["date", "x-request-id"] {
                assert_eq!(headers.remove(differs).map(|lines| lines.len()), Some(1), "{differs}");
            }
            // Whether a connection is used again is between two neighbours.
            headers.remove("connection");
            answers.push((answer.status().as_u16(), headers, answer.text().await.expect("all of it")));
        }
        let [first, second] = <[_; 2]>::try_from(answers).expect("two");
        assert_eq!(first, second, "{verb} {headers:?}");
    }
    let foreign = format!("{session}/xhr_send?token={}", mallory.token);
    assert_eq!(ask_as(there.address, &foreign, "[\"\\n\"]", &[]).await.0, 404);
    let (status, text) = ask_as(there.address, &format!("{session}/xhr_streaming"), "", &[]).await;
    assert!(status == 200 && text.ends_with("c[2010,\"Another connection still open\"]\n"), "{text:?}");
    client.disconnect().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_goes_away_at_the_server_that_has_its_session() {
    let Some((here, there)) = two(with_address).await else { return };
    let (alice, bob) = (here.person("Alice").await, here.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let long = "x".repeat(9_000);
    for carrier in [Carrier::Streaming, Carrier::EventSource, Carrier::HtmlFile] {
        // The first request begins the session at the first server, all others go to the second one.
        let servers = (0..64).map(|number| if number == 0 { here.address } else { there.address });
        let balancer = Balancer::over(servers.collect()).await;
        let session = new_session();
        let mut client = StompClient::over_http(balancer.address, carrier, &session, "").await;
        client.connect(&bob.token).await;
        client.subscribe_to(&["messages"]).await;
        // After 128 KiB the stream ends, and the next one is passed on.
        for number in 0..40 {
            alice.send(group, &format!("{number} {long}")).await;
            let told = client.message("messages").await;
            assert!(told["content"].as_str().expect("text").starts_with(&format!("{number} ")), "{carrier:?}");
        }
        let mut second = Receiver::new(Client::new(), there.address, carrier, &session, "");
        assert_eq!(second.next().await.as_deref(), Some("c[2010,\"Another connection still open\"]"));
        drop(client);
        let over = async || {
            let mut receiver = Receiver::new(Client::new(), there.address, carrier, &session, "");
            receiver.next().await.as_deref() == Some("c[1002,\"Connection interrupted\"]")
        };
        until("the session is over", over).await;
    }
    let session = new_session();
    assert_eq!(ask(here.address, &session, "xhr", "").await, (200, "o\n".to_owned()));
    drop(receiving(there.address, &session).await);
    let over = async || ask(here.address, &session, "xhr", "").await.1.starts_with("c[1002");
    until("the session is over", over).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_a_server_that_stopped_is_not_found_and_a_new_one_begins() {
    let Some((here, mut there)) = two(with_address).await else { return };
    let alice = here.person("Alice").await;
    for _ in 0..2 {
        let session = new_session();
        assert_eq!(ask(there.address, &session, "xhr", "").await, (200, "o\n".to_owned()));
        assert_eq!(ask(here.address, &session, "xhr_send", "[\"\\n\"]").await.0, 204);
        there.stop().await;
        assert_eq!(ask(here.address, &session, "xhr_send", "[\"\\n\"]").await, (404, String::new()));
        let mut anew = StompClient::over_http(here.address, Carrier::Polling, &session, "").await;
        anew.connect(&alice.token).await;
        anew.disconnect().await;
        there.resume().await;
    }
    // One that the others cannot reach, although it is there.
    let session = new_session();
    assert_eq!(ask(there.address, &session, "xhr", "").await, (200, "o\n".to_owned()));
    let nobody = "UPDATE chat_nodes SET address = 'http://127.0.0.1:1'";
    here.meddle(nobody, Vec::new()).await;
    assert_eq!(ask(here.address, &session, "xhr_send", "[\"\\n\"]").await, (404, String::new()));
    assert_eq!(ask(here.address, &session, "xhr", "").await, (200, "o\n".to_owned()));
}

/// A server as a process of its own, which the others reach.
async fn process(home: &Home) -> Process {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let (bind, address) = (format!("server.bind=127.0.0.1:{port}"), format!("cluster.address=http://127.0.0.1:{port}"));
    let secret = format!("auth.jwt_secret={}", crate::server::SECRET);
    let mut process = Process::start(&mut home.command(&["--set", &bind, "--set", &address, "--set", &secret])).await;
    process.wait_until_ready().await;
    process
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_a_server_that_was_killed_or_froze_is_given_up_and_a_new_one_begins() {
    if std::env::var("CONFAB_TEST_DATABASE").is_err() {
        return;
    }
    let home = Home::new().await;
    let (here, killed, frozen) = (process(&home).await, process(&home).await, process(&home).await);
    let alice = token(json!({ "sub": 1, "name": "Alice" }));
    let [lost, stuck] = [new_session(), new_session()];
    assert_eq!(ask(killed.address, &lost, "xhr", "").await, (200, "o\n".to_owned()));
    assert_eq!(ask(frozen.address, &stuck, "xhr", "").await, (200, "o\n".to_owned()));
    for session in [&lost, &stuck] {
        assert_eq!(ask(here.address, session, "xhr_send", "[\"\\n\"]").await.0, 204);
    }
    let poll = receiving(here.address, &lost).await;
    killed.kill().await;
    assert_eq!(poll.await, (502, String::new()), "what was on its way is lost");
    assert_eq!(ask(here.address, &lost, "xhr_send", "[\"\\n\"]").await, (404, String::new()));
    let mut anew = StompClient::over_http(here.address, Carrier::Streaming, &lost, "").await;
    anew.connect(&alice).await;

    // Nobody answers, and nobody refuses either: it counts as ended when its signs of life are missed.
    signal(frozen.id(), "STOP").await;
    let began = tokio::time::Instant::now();
    assert_eq!(ask(here.address, &stuck, "xhr_send", "[\"\\n\"]").await, (502, String::new()));
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    println!("a request to a frozen server was given up after {:?}", began.elapsed());
    assert_eq!(ask(here.address, &stuck, "xhr_send", "[\"\\n\"]").await, (404, String::new()));
    assert_eq!(ask(here.address, &stuck, "xhr", "").await, (200, "o\n".to_owned()));
    signal(frozen.id(), "CONT").await;
    anew.disconnect().await;
}

/// What a server that knows the key of the database would send along.
async fn pass(server: &Server, made: i64, method: &Method, path: &str, client: &str) -> String {
    let pool = sqlx::PgPool::connect(&server.database_url()).await.expect("the database answers");
    let secret: (String,) = sqlx::query_as("SELECT link_key FROM chat_log").fetch_one(&pool).await.expect("a key");
    let mac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes()
    };
    let key = mac(secret.0.as_bytes(), "requests between nodes");
    let head = format!("another.{made}");
    let made = mac(&key, &format!("{head}\n{method}\n{client}\n{path}\n"));
    format!("{head}.{}", URL_SAFE_NO_PAD.encode(&made[..16]))
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_request_was_passed_on_for_is_believed_only_with_a_pass_of_a_server() {
    let few = |config: &mut Config| {
        with_address(config);
        config.limits.connections_per_address = 2;
    };
    let Some((here, there)) = two(few).await else { return };
    let client = "8.8.8.8";
    let begin = async |change: &dyn Fn(String) -> String, seconds_ago: i64| {
        let path = format!("{}/xhr", new_session());
        let pass = change(pass(&here, now() - seconds_ago, &Method::POST, &path, client).await);
        ask_as(here.address, &path, "", &[("x-confab-forwarded", &pass), ("x-forwarded-for", client)]).await.0
    };
    // None of these counts for the address that it names.
    for _ in 0..4 {
        assert_eq!(begin(&|pass| pass.replacen("another", "a-third", 1), 0).await, 200);
        assert_eq!(begin(&|_| "another.1.AAAAAAAAAAAAAAAAAAAAAA".to_owned(), 0).await, 200);
        assert_eq!(begin(&|pass| pass, 40).await, 200);
        assert_eq!(begin(&|pass| pass, -40).await, 200);
    }
    for status in [200, 200, 503] {
        assert_eq!(begin(&|pass| pass, 0).await, status);
    }

    // What was passed on is never passed on again; with another pass it is a request like others.
    let session = new_session();
    assert_eq!(ask(there.address, &session, "xhr", "").await, (200, "o\n".to_owned()));
    let (send, poll) = (format!("{session}/xhr_send"), format!("{session}/xhr"));
    let good = [
        pass(&here, now(), &Method::POST, &send, "unknown").await,
        pass(&here, now(), &Method::POST, &poll, "unknown").await,
    ];
    for ((path, pass), status) in [&send, &poll].into_iter().zip(&good).zip([404, 503]) {
        let headers = [("x-confab-forwarded", pass.as_str()), ("x-forwarded-for", "unknown")];
        assert_eq!(ask_as(here.address, path, "[\"\\n\"]", &headers).await.0, status, "{path}");
    }
    for headers in [
        [("x-confab-forwarded", good[1].as_str()), ("x-forwarded-for", "unknown")],
        [("x-confab-forwarded", "forged"), ("x-forwarded-for", "unknown")],
        [("x-confab-forwarded", good[0].as_str()), ("x-forwarded-for", client)],
    ] {
        assert_eq!(ask_as(here.address, &send, "[\"\\n\"]", &headers).await.0, 204, "{headers:?}");
    }
}

/// The address behind a proxy, counted where its sessions are and not where its requests happen to go.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_share_of_sessions_at_a_server_through_whichever_other_one() {
    let behind = |config: &mut Config| {
        with_address(config);
        config.limits.connections_per_address = 3;
        config.server.trusted_proxies = vec!["127.0.0.1".to_owned()];
    };
    let Some((here, there)) = two(behind).await else { return };
    let headers = [("x-forwarded-for", "8.8.8.8")];
    let session = new_session();
    assert_eq!(ask_as(here.address, &format!("{session}/xhr"), "", &headers).await.0, 200);
    for _ in 0..10 {
        let sent = ask_as(there.address, &format!("{session}/xhr_send"), "[\"\\n\"]", &headers).await;
        assert_eq!(sent.0, 204);
    }
    for status in [200, 200, 200, 503] {
        assert_eq!(ask_as(there.address, &format!("{}/xhr", new_session()), "", &headers).await.0, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_down_of_sessions_goes_with_them() {
    let Some((here, mut there)) = two(with_address).await else { return };
    let pool = sqlx::PgPool::connect(&here.database_url()).await.expect("the database answers");
    let rows = async || {
        let counted = sqlx::query_as::<_, (i64,)>("SELECT count(*) FROM chat_sockjs_sessions").fetch_one(&pool).await;
        counted.expect("a number").0
    };
    let alice: Person = here.person("Alice").await;
    let mut stays = StompClient::over_http(there.address, Carrier::Streaming, &new_session(), "").await;
    stays.connect(&alice.token).await;
    for _ in 0..5 {
        assert_eq!(ask(here.address, &new_session(), "xhr", "").await.0, 200);
    }
    assert_eq!(rows().await, 6);
    // As if a minute had passed: the session that is there still is written down anew.
    here.meddle("UPDATE chat_sockjs_sessions SET seen_until = now() - interval '1 hour'", Vec::new()).await;
    let renewed = async || {
        let sql = "SELECT count(*) FROM chat_sockjs_sessions WHERE seen_until > now()";
        let counted = sqlx::query_as::<_, (i64,)>(sql).fetch_one(&pool).await;
        (counted.expect("a number").0, rows().await) == (1, 1)
    };
    let within = tokio::time::Instant::now() + Duration::from_secs(45);
    while !renewed().await {
        assert!(tokio::time::Instant::now() < within, "{} rows", rows().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    there.stop().await;
    until("a server that stops removes what is its own", async || rows().await == 0).await;
}
