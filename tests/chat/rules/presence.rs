//! Presence: chosen, invisible, and who may know.

use confab::config::Visibility;
use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::Server;

async fn set(person: &Person, status: &str) -> Json {
    person.put("/presence/status", json!({ "status": status })).await.ok()
}

async fn seen_by(viewer: &Person, person: &Person) -> Json {
    viewer.get(&format!("/presence/{}", person.id)).await.ok()
}

#[tokio::test]
async fn using_rest_alone_makes_nobody_online() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    bob.send(group, "hello").await;
    let bob_is = seen_by(&alice, &bob).await;
    assert_eq!((&bob_is["status"], &bob_is["online"]), (&json!("OFFLINE"), &json!(false)));
}

#[tokio::test]
async fn offline_means_invisible() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    alice.group("Team", &[&bob]).await;
    set(&bob, "ONLINE").await;
    assert_eq!(seen_by(&alice, &bob).await["online"], true);
    let invisible = set(&bob, "OFFLINE").await;
    assert_eq!((&invisible["status"], &invisible["online"]), (&json!("OFFLINE"), &json!(false)));
    assert_eq!(seen_by(&alice, &bob).await["online"], false);
    assert_eq!(*alice.get("/presence").await.data(), json!([]));
}

#[tokio::test]
async fn somebody_invisible_gives_no_sign_of_life() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    alice.group("Team", &[&bob]).await;
    set(&bob, "ONLINE").await;
    let gone = set(&bob, "OFFLINE").await["lastSeenAt"].clone();
    for _ in 0..5 {
        bob.put("/presence/status", json!({ "statusMessage": "I am not here" })).await.ok();
    }
    assert_eq!(set(&bob, "OFFLINE").await["lastSeenAt"], gone);
    assert_eq!(seen_by(&alice, &bob).await["lastSeenAt"], gone);
}

#[tokio::test]
async fn dnd_and_away_are_shown_as_chosen() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    alice.group("Team", &[&bob]).await;
    for status in ["DND", "AWAY", "ONLINE"] {
        set(&bob, status).await;
        let bob_is = seen_by(&alice, &bob).await;
        assert_eq!((&bob_is["status"], &bob_is["online"]), (&json!(status), &json!(true)));
        assert_eq!(alice.get("/presence").await.data()[0]["status"], status);
    }
}

#[tokio::test]
async fn a_status_message_stays_until_it_is_changed_and_has_a_form() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let say = |text: String| alice.put("/presence/status", json!({ "statusMessage": text }));
    assert_eq!(say("ü".repeat(100)).await.ok()["statusMessage"], "ü".repeat(100));
    for wrong in ["x".repeat(101), "a\nb".to_owned(), "a\0b".to_owned(), "<b>x</b>".to_owned()] {
        say(wrong).await.refused_with(400, "BAD_REQUEST");
    }
    assert_eq!(set(&alice, "AWAY").await["statusMessage"], "ü".repeat(100));
    alice.put("/presence/status", json!({})).await.refused_with(400, "BAD_REQUEST");
    for wrong in ["away", "BUSY", ""] {
        alice.put("/presence/status", json!({ "status": wrong })).await.refused_with(400, "BAD_REQUEST");
        alice.put(&format!("/presence/status?status={wrong}"), json!({})).await.refused_with(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn strangers_and_unknown_users_are_404_alike() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    set(&bob, "ONLINE").await;
    alice.get("/presence/2").await.refused(404, "NOT_FOUND", "User not found: 2");
    alice.get("/presence/42").await.refused(404, "NOT_FOUND", "User not found: 42");
    assert_eq!(*alice.get("/presence").await.data(), json!([]));
    assert_eq!(*alice.post("/presence/users", json!([2, 42])).await.data(), json!([]));
    alice.direct(&bob).await;
    assert_eq!(seen_by(&alice, &bob).await["status"], "ONLINE");
}

#[tokio::test]
async fn with_the_visibility_everyone_strangers_are_seen() {
    let server = Server::start_with(|config| config.presence.visibility = Visibility::Everyone).await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    set(&bob, "ONLINE").await;
    assert_eq!(seen_by(&alice, &bob).await["status"], "ONLINE");
    assert_eq!(alice.get("/presence").await.data()[0]["userId"], bob.id);
    assert_eq!(alice.post("/presence/users", json!([bob.id, 42])).await.data().as_array().map(Vec::len), Some(1));
    alice.get("/presence/42").await.refused(404, "NOT_FOUND", "User not found: 42");
}

#[tokio::test]
async fn up_to_500_users_are_asked_for_at_once() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let users = |count: i64| json!({ "userIds": (1..=count).collect::<Vec<_>>() });
    assert_eq!(alice.post("/presence/users", users(500)).await.data().as_array().map(Vec::len), Some(1));
    alice.post("/presence/users", users(501)).await.refused_with(400, "BAD_REQUEST");
}
