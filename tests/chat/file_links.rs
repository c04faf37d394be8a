//! Links to files: where they lead, how long they live and stay the same, and that whoever is told one can still follow it.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::receiver::{Receiver, Reply};
use crate::server::Server;
use crate::uploads::{Got, id};

/// The end of a link.
fn end(url: &str) -> i64 {
    let (_, end) = url.split_once("?expires=").expect("a signed link");
    end.split('&').next().unwrap().parse().expect("a time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_at_whole_five_minutes_and_holds_in_a_cache_until_then() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    let mut picture = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(10, 10).write_to(&mut picture, image::ImageFormat::Png).unwrap();
    let file = id(&alice.upload("a.png", "image/png", &picture.into_inner()).await);
    alice.send_files(room, &[file]).await;
    // Once more where five minutes ended in between.
    let mut shown = [Json::Null, Json::Null];
    for _ in 0..2 {
        let one = alice.get_any(&format!("/api/files/{file}")).await.ok();
        let other = alice.get(&format!("/conversations/{room}/messages")).await.ok()[0]["attachments"][0].clone();
        shown = [one, other];
        if shown[0]["url"] == shown[1]["url"] {
            break;
        }
    }
    let anonymous = reqwest::Client::new();
    for field in ["url", "thumbnailUrl"] {
        let url = shown[0][field].as_str().unwrap();
        assert_eq!(shown[1][field], url, "wherever a file is shown within five minutes, its link is the same");
        assert!(url.starts_with(&format!("/api/files/{file}/")), "{url}");
        assert_eq!(end(url) % 300, 0);
        let left = end(url) - crate::server::now();
        assert!((295..=600).contains(&left), "{left}");
        for method in [Method::GET, Method::HEAD] {
            let got = Got::of(anonymous.request(method, server.url(url))).await;
            let age = got.header("cache-control").strip_prefix("private, max-age=").unwrap_or_default().to_owned();
            let age: i64 = age.strip_suffix(", immutable").unwrap_or_default().parse().expect("seconds");
            assert!((left - 20..=left).contains(&age), "{age} of {left}");
        }
        let again = Got::of(anonymous.get(server.url(url)).header("if-none-match", "*")).await;
        assert!(again.status == 304 && again.header("cache-control").ends_with(", immutable"), "{:?}", again.headers);
    }
    let by_token = alice.get_bytes(&format!("/api/files/{file}/content"), &[]).await;
    assert_eq!(by_token.header("cache-control"), "private, no-cache");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_absolute_where_the_server_knows_its_address() {
    let server = Server::start_with(|config| {
        config.server.public_url = Some("https://chat.example.org/chat/".into());
    })
    .await;
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    let file = id(&alice.upload("a.txt", "text/plain", b"hello").await);
    alice.send_files(room, &[file]).await;
    let by_rest = alice.get(&format!("/conversations/{room}/messages")).await.ok();
    let by_gql = alice.gql_ok("query($id: ID!) { file(id: $id) { url } }", json!({ "id": file })).await;
    for url in [&by_rest[0]["attachments"][0]["url"], &by_gql["file"]["url"]] {
        let path = url.as_str().unwrap().strip_prefix("https://chat.example.org/chat").expect("an absolute link");
        assert_eq!(Got::of(reqwest::Client::new().get(server.url(path))).await.bytes, b"hello", "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_tells_a_link_that_lives_at_each_attempt() {
    let server = Server::start_with(|config| {
        config.webhooks.allow_private_targets = true;
        config.webhooks.retry_seconds = vec![3_600];
    })
    .await;
    let (root, alice) = (server.administrator("Root").await, server.person("Alice").await);
    let receiver = Receiver::start_with(|number, _| Reply::Status(if number == 0 { 500 } else { 204 })).await;
    let query = "mutation($url: String!) { createWebhookEndpoint(input: { url: $url, events: [\"chat_message.sent\"] }) { secret } }";
    let made = root.gql_ok(query, json!({ "url": receiver.url() })).await;
    let secret = made["createWebhookEndpoint"]["secret"].as_str().unwrap().to_owned();
    let room = alice.group("Room", &[]).await;
    let file = id(&alice.upload("a.txt", "text/plain", b"hello").await);
    alice.send_files(room, &[file]).await;
    let first = receiver.wait_for(1).await.remove(0);
    let url = first.data()["attachments"][0]["url"].as_str().unwrap().to_owned();

    // Hours pass: what was told first is over, and the second attempt is due.
    let over = url.replace(&format!("expires={}", end(&url)), "expires=300");
    let waiting = async || {
        let query = "{ webhookDeliveries(first: 1) { edges { node { attempts } } } }";
        root.gql_ok(query, json!({})).await["webhookDeliveries"]["edges"][0]["node"]["attempts"] == 1
    };
    crate::sockets::until("the first attempt is written down", waiting).await;
    let sql = "UPDATE chat_webhook_deliveries SET payload = REPLACE(payload, $1, $2), next_attempt_at = '2026-01-01T00:00:00+00:00'";
    server.meddle(sql, vec![url.clone().into(), over.clone().into()]).await;
    let second = receiver.wait_for(2).await.remove(1);
    let told = second.data()["attachments"][0]["url"].as_str().unwrap();
    assert_ne!(told, over);
    assert_eq!(Got::of(reqwest::Client::new().get(server.url(told))).await.bytes, b"hello", "{told}");
    assert_eq!(Got::of(reqwest::Client::new().get(server.url(&over))).await.status, 404);
    assert!(second.is_signed_with(&secret), "the body is signed as it is sent");
    assert_eq!((second.kind(), &second.data()["id"]), (first.kind(), &first.data()["id"]));
}
