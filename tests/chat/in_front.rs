//! What stands in front of a server, and what it does by itself where nothing does: proxies that lose headers, TLS and its
//! certificates, the address of the metrics, and what a service manager hears.

mod believer;
mod proxies;
mod watched;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::SinkExt;
use rcgen::generate_simple_self_signed;
use reqwest::StatusCode;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixDatagram};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::process::{Home, Process, signal};
use crate::server::Server;
use crate::sockets::{SOON, until};
use crate::stomp_client::new_session;
use believer::{Believer, CERT, KEY, hear, use_all_doors};

const TLS: [&str; 4] = ["--set", "server.tls_cert=cert.pem", "--set", "server.tls_key=key.pem"];

#[tokio::test]
async fn a_handshake_that_lost_its_upgrade_on_the_way_is_told_so() {
    let server = Server::start().await;
    let session = format!("{}/websocket", new_session());
    for path in ["/graphql", "/ws/chat", "/ws/chat/websocket", session.as_str()] {
        for passed_on in ["Connection: close\r\n", "Connection: keep-alive\r\n", "Upgrade: websocket\r\n", ""] {
            for version in ["HTTP/1.0", "HTTP/1.1"] {
                let head = format!(
                    "GET {path} {version}\r\nHost: a\r\n{passed_on}Sec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                );
                let mut stream = TcpStream::connect(server.address).await.expect("it listens");
                stream.write_all(head.as_bytes()).await.expect("it is taken");
                stream.shutdown().await.expect("it listens");
                let mut answer = String::new();
                timeout(SOON, stream.read_to_string(&mut answer)).await.expect("an end").expect("text");
                let answer = answer.to_lowercase();
                assert!(
                    answer.starts_with(&format!("{} 426 ", version.to_lowercase())),
                    "{path} {passed_on}: {answer}"
                );
                assert!(answer.contains("\r\nupgrade: websocket\r\n"), "{path} {passed_on}: {answer}");
                assert!(answer.contains("a proxy in front of the server must pass them on"), "{path}: {answer}");
            }
        }
    }
    let alice = server.person("Alice").await;
    let lost = alice.request(reqwest::Method::GET, "/graphql").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let lost = alice.fetch(lost).await;
    assert_eq!((lost.status, &lost.body["errors"][0]["extensions"]["code"]), (426, &json!("UPGRADE_REQUIRED")));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_of_its_own_a_server_has_all_three_doors() {
    let home = Home::new().await;
    let believer = Believer::in_a_new_certificate(&home.folder);
    let process = home.begin(&TLS).await;
    until("it is ready", || believer.reaches(process.address, "")).await;
    assert!(process.said().contains("Listening on https://"), "{}", process.said());
    use_all_doors(&home, &believer, process.address, "").await;
    assert_eq!(process.terminate().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_shake_hands_is_not_waited_for() {
    let home = Home::without_database();
    let _believer = Believer::in_a_new_certificate(&home.folder);
    let process = home.begin(&TLS).await;
    for said in ["", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut stream = TcpStream::connect(process.address).await.expect("it listens");
        stream.write_all(said.as_bytes()).await.expect("it is taken");
        let ended = timeout(SOON * 2, stream.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "{said:?} was waited for");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_read_again_at_sighup_and_a_bad_one_leaves_the_one_of_before() {
    let home = Home::new().await;
    let first = Believer::in_a_new_certificate(&home.folder);
    let process = home.begin(&TLS).await;
    until("it is ready", || first.reaches(process.address, "")).await;
    let mut open = first.websocket(process.address, "/graphql", "graphql-transport-ws").await;

    let second = Believer::in_a_new_certificate(&home.folder);
    assert!(!second.reaches(process.address, "").await, "files are read when the server is told to");
    signal(process.id(), "HUP").await;
    until("the new certificate is shown", || second.reaches(process.address, "")).await;
    assert!(first.connect(process.address).await.is_none(), "the one of before is gone");
    let init = json!({ "type": "connection_init", "payload": { "Authorization": home.token(7, "Zoe").await } });
    open.send(Message::text(init.to_string())).await.expect("what was open stays open");
    assert!(hear(&mut open).await.contains("connection_ack"));

    for (file, text, sentence) in [
        (CERT, "no certificate", "holds no certificate in PEM"),
        (KEY, "no key", "holds no key in PEM"),
        (
            KEY,
            &generate_simple_self_signed(Vec::new()).unwrap().signing_key.serialize_pem(),
            "does not go with the certificate",
        ),
    ] {
        let good = std::fs::read(home.folder.join(file)).expect("it is there");
        std::fs::write(home.folder.join(file), text).expect("it is written");
        signal(process.id(), "HUP").await;
        until(sentence, async || process.logged().contains(sentence)).await;
        assert!(second.reaches(process.address, "").await, "{sentence}");
        std::fs::write(home.folder.join(file), good).expect("it is written");
    }
    assert_eq!(process.terminate().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_never_ends_the_process_and_the_log_says_that_it_was_heard() {
    let home = Home::new().await;
    let process = home.serve(&[]).await;
    for _ in 0..3 {
        signal(process.id(), "HUP").await;
    }
    until("the log tells", async || process.logged().contains("there is no certificate to read again")).await;
    let ready = reqwest::get(format!("http://{}/health/ready", process.address)).await.expect("an answer");
    assert_eq!(ready.status(), StatusCode::OK);
    assert_eq!(process.terminate().await.code, Some(0));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_stops_the_start() {
    let home = Home::without_database();
    let refused = async || {
        let ended = home.run(&[&["serve", "--set", "server.bind=127.0.0.1:0"], &TLS[..]].concat()).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        ended.err
    };
    assert!(refused().await.starts_with("confab: server.tls_cert: cert.pem cannot be read: "));
    let _first = Believer::in_a_new_certificate(&home.folder);
    std::fs::write(home.folder.join(KEY), "").unwrap();
    assert_eq!(refused().await, "confab: server.tls_key: key.pem holds no key in PEM\n");
    std::fs::remove_file(home.folder.join(KEY)).unwrap();
    assert!(refused().await.starts_with("confab: server.tls_key: key.pem cannot be read: "));
    assert!(!home.folder.join("data").exists(), "nothing was opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_have_an_address_of_their_own_where_they_are_given_one() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("an address");
    let server = Server::start_with(|config| config.server.metrics_bind = free.to_string().parse().ok()).await;
    let ask = async |address: SocketAddr, path: &str| {
        let answer = reqwest::get(format!("http://{address}{path}")).await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    let (status, metrics) = ask(free, "/metrics").await;
    assert!(status == 200 && metrics.contains("confab_request_seconds"), "{status} {metrics}");
    assert_eq!(ask(server.address, "/metrics").await.0, 404);
    assert_eq!(ask(server.address, "/health/live").await.0, 200);
    for path in ["/", "/health/live", "/graphql", "/api/chat/conversations", "/ws/chat/info"] {
        assert_eq!(ask(free, path).await.0, 404, "{path}");
    }
    let described: Json = serde_json::from_str(&ask(server.address, "/api/openapi.json").await.1).expect("JSON");
    assert!(described["paths"].get("/metrics").is_none() && described["paths"].get("/health/live").is_some());
    let other = Server::start().await;
    assert_eq!(ask(other.address, "/metrics").await.0, 200);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_hears_when_the_server_is_ready_and_when_it_stops() {
    let home = Home::new().await;
    let manager = UnixDatagram::bind(home.folder.join("notify")).expect("a socket");
    let hear = async || {
        let mut said = [0; 256];
        let length = timeout(Duration::from_secs(60), manager.recv(&mut said)).await.expect("it tells").expect("bytes");
        String::from_utf8_lossy(&said[..length]).trim_end().to_owned()
    };
    let mut command = home.command(&["serve", "--set", "server.bind=127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", home.folder.join("notify"));
    let process = Process::start(&mut command).await;
    assert_eq!(hear().await, "READY=1");
    let ready = reqwest::get(format!("http://{}/health/ready", process.address)).await.expect("an answer");
    assert_eq!(ready.status(), StatusCode::OK);
    assert_eq!(process.terminate().await.code, Some(0));
    assert_eq!(hear().await, "STOPPING=1");
}
