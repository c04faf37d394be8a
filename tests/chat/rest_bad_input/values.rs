//! Values out of form: too long, empty, with control characters or markup, too many, or not for callers.

use serde_json::{Value as Json, json};

use super::alice_at_home;
use crate::server::Server;

#[tokio::test]
async fn in_a_message() {
    let server = Server::start().await;
    let (alice, group, message) = alice_at_home(&server).await;
    let path = format!("/conversations/{group}/messages");
    let longest = "😀".repeat(10_000);
    assert_eq!(alice.post(&path, json!({ "content": longest })).await.status, 201);
    let contents = [
        longest + "x",
        String::new(),
        "   \n".into(),
        "\u{200B}\u{200D}".into(),
        "a\0b".into(),
        "a\u{7}b".into(),
        "a\u{1b}[31m".into(),
        "a\u{85}b".into(),
        format!("e{}", "\u{301}".repeat(5000)),
        "<p> </p>".into(),
    ];
    for content in &contents {
        let what: String = content.chars().take(20).collect();
        for answer in [
            alice.post(&path, json!({ "content": content })).await,
            alice.put(&format!("/messages/{message}"), json!({ "content": content })).await,
        ] {
            assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BAD_REQUEST")), "{what:?}");
        }
    }
    let inputs = [
        json!({}),
        json!({ "content": null }),
        json!({ "content": "a", "messageType": "SYSTEM" }),
        json!({ "content": "a", "tempId": "" }),
        json!({ "content": "a", "tempId": "x".repeat(65) }),
        json!({ "content": "a", "tempId": "a\nb" }),
        json!({ "content": "a", "tempId": "a\0b" }),
        json!({ "content": "a", "metadata": { "a": "x".repeat(8 * 1024) } }),
        json!({ "content": "a", "metadata": { "a": "\0" } }),
        json!({ "content": "a", "metadata": { "\0": 1 } }),
        json!({ "content": "a", "metadata": { "a": [{ "b": "x\0" }] } }),
        json!({ "content": "a", "attachmentIds": (1..=11).collect::<Vec<_>>() }),
    ];
    for input in inputs {
        let answer = alice.post(&path, input.clone()).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BAD_REQUEST")), "{}", answer.text);
    }
    let fits = json!({ "content": "a", "tempId": "ü".repeat(64), "metadata": { "a": "x".repeat(8 * 1024 - 8) } });
    assert_eq!(alice.post(&path, fits).await.status, 201);
    let foreign = alice.post(&path, json!({ "content": "a", "attachmentIds": [1] })).await;
    foreign.refused_with(404, "NOT_FOUND");
    assert_eq!(alice.get(&path).await.data()[0]["content"], "hello");
}

#[tokio::test]
async fn in_a_group() {
    let server = Server::start().await;
    let (alice, group, _) = alice_at_home(&server).await;
    let wrong = [
        json!({ "name": "" }),
        json!({ "name": "  " }),
        json!({ "name": "\u{200B}" }),
        json!({ "name": "x".repeat(101) }),
        json!({ "name": "a\nb" }),
        json!({ "name": "a\0b" }),
        json!({ "name": "a\u{202E}b" }),
        json!({ "name": "<b>bold</b>" }),
        json!({ "name": "a", "description": "x".repeat(501) }),
        json!({ "name": "a", "description": "a\0b" }),
        json!({ "name": "a", "description": "<script>x</script>" }),
        json!({ "name": "a", "maxFileSizeMb": 0 }),
        json!({ "name": "a", "maxFileSizeMb": -1 }),
        json!({ "name": "a", "maxFileSizeMb": 26 }),
        json!({ "name": "a", "maxFileSizeMb": 1.5 }),
        json!({ "name": "a", "allowedFileTypes": ["image"] }),
        json!({ "name": "a", "allowedFileTypes": ["image/ png"] }),
        json!({ "name": "a", "allowedFileTypes": vec!["image/*"; 51] }),
        json!({ "name": "a", "allowedFileTypes": "image/*" }),
    ];
    for input in wrong {
        for answer in [
            alice.post("/conversations", input.clone()).await,
            alice.put(&format!("/conversations/{group}"), input.clone()).await,
        ] {
            assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BAD_REQUEST")), "{input}: {}", answer.text);
        }
    }
    for avatar in ["javascript:alert(1)", "//example.com/x", "ftp://example.com/x", "https://", "http://a b/"] {
        let answer = alice.put(&format!("/conversations/{group}"), json!({ "avatarUrl": avatar })).await;
        answer.refused_with(400, "BAD_REQUEST");
    }
    let longest = json!({ "name": "ü".repeat(100), "description": "ü\n".repeat(250) });
    assert_eq!(alice.post("/conversations", longest).await.status, 201);
    assert_eq!(alice.get(&format!("/conversations/{group}")).await.data()["name"], "Team");
}

#[tokio::test]
async fn up_to_256_users_are_named_in_one_call_and_each_must_be_known() {
    let server = Server::start().await;
    let (alice, group, _) = alice_at_home(&server).await;
    let path = format!("/conversations/{group}/participants");
    let ids = |count: i64| (1..=count).collect::<Vec<_>>();
    let too_many = "At most 256 users can be named at once";
    alice.post("/conversations", json!({ "name": "a", "participantIds": ids(257) })).await.refused(
        400,
        "BAD_REQUEST",
        too_many,
    );
    alice.post(&path, json!({ "userIds": ids(257) })).await.refused(400, "BAD_REQUEST", too_many);
    let unknown = "User not found: 2";
    alice.post("/conversations", json!({ "name": "a", "participantIds": ids(256) })).await.refused(
        404,
        "NOT_FOUND",
        unknown,
    );
    alice.post(&path, json!({ "userIds": ids(256) })).await.refused(404, "NOT_FOUND", unknown);
    let unknown = "User not found: 42";
    alice.post("/conversations", json!({ "name": "a", "participantIds": [42] })).await.refused(
        404,
        "NOT_FOUND",
        unknown,
    );
    alice.post(&path, json!({ "userIds": [42] })).await.refused(404, "NOT_FOUND", unknown);
    assert_eq!(alice.get("/conversations").await.data().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn in_a_presence() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let wrong: [Json; 6] = [
        json!({ "status": "AWAY", "deviceType": "x".repeat(51) }),
        json!({ "status": "AWAY", "deviceType": "a\0b" }),
        json!({ "status": "AWAY", "browserInfo": "x".repeat(3000) }),
        json!({ "status": "AWAY", "browserInfo": { "a": "\0" } }),
        json!({ "status": "AWAY", "online": "yes" }),
        json!({ "statusMessage": 5 }),
    ];
    for input in wrong {
        let answer = alice.put("/presence/status", input.clone()).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BAD_REQUEST")), "{input}: {}", answer.text);
    }
    let told = alice
        .put("/presence/status", json!({ "status": "AWAY", "deviceType": "web", "browserInfo": { "a": 1 } }))
        .await;
    assert_eq!((told.status, &told.data()["deviceType"]), (200, &json!("web")));
    assert!(!told.text.contains("browserInfo"));
}
