//! Presence, for those who only use REST.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{succeeds, team};
use crate::payload::{PRESENCE, keys, timeless, with};

fn offline(id: i64, name: &str) -> Json {
    json!({
        "userId": id,
        "userName": name,
        "status": "OFFLINE",
        "online": false,
        "statusMessage": null,
        "deviceType": null,
        "lastSeenAt": null,
    })
}

#[tokio::test]
async fn get_presence_lists_who_is_online() {
    let team = team().await;
    let nobody = team.alice.get("/presence").await;
    succeeds(&nobody, 200);
    assert_eq!(*nobody.data(), json!([]));
    for person in [&team.carol, &team.bob, &team.dave] {
        person.put("/presence/status", json!({ "status": "ONLINE" })).await.ok();
    }
    team.dave.put("/presence/status", json!({ "status": "OFFLINE" })).await.ok();
    let answer = team.alice.get("/presence").await;
    succeeds(&answer, 200);
    let online = json!({ "status": "ONLINE", "online": true, "lastSeenAt": "TIME" });
    let expected = json!([with(offline(2, "Bob"), online.clone()), with(offline(3, "Carol"), online)]);
    assert_eq!(timeless(answer.data()), expected);
    assert_eq!(keys(&answer.text, "data/0"), PRESENCE);
    assert_eq!(answer.body["page"]["hasMore"], false);
    let rest = team.alice.get("/presence?limit=1&after=2").await;
    assert_eq!(rest.data()[0]["userId"], 3);
}

#[tokio::test]
async fn get_presence_of_a_user_answers_that_user() {
    let team = team().await;
    let answer = team.alice.get("/presence/2").await;
    succeeds(&answer, 200);
    assert_eq!(*answer.data(), offline(2, "Bob"));
    assert_eq!(keys(&answer.text, "data"), PRESENCE);
    assert_eq!(*team.alice.get("/presence/1").await.data(), offline(1, "Alice"));
}

#[tokio::test]
async fn put_presence_status_takes_a_body_or_a_query_parameter() {
    let team = team().await;
    // A message alone makes nobody appear who is not here.
    let away = team.bob.put("/presence/status", json!({ "statusMessage": "Back on Monday" })).await;
    let said = json!({ "statusMessage": "Back on Monday", "lastSeenAt": "TIME" });
    assert_eq!(timeless(away.data()), with(offline(2, "Bob"), said));
    let input = json!({ "status": "DND", "statusMessage": "In a meeting" });
    let answer = team.bob.put("/presence/status", input).await;
    succeeds(&answer, 200);
    let dnd = json!({ "status": "DND", "online": true, "statusMessage": "In a meeting", "lastSeenAt": "TIME" });
    assert_eq!(timeless(answer.data()), with(offline(2, "Bob"), dnd));
    assert_eq!(keys(&answer.text, "data"), PRESENCE);
    assert_eq!(team.alice.get("/presence/2").await.data(), answer.data());

    let request = team.bob.request(Method::PUT, "/api/chat/presence/status?status=AWAY");
    let answer = team.bob.fetch(request).await;
    succeeds(&answer, 200);
    assert_eq!((&answer.data()["status"], &answer.data()["statusMessage"]), (&json!("AWAY"), &json!("In a meeting")));
    let cleared = team.bob.put("/presence/status", json!({ "statusMessage": "" })).await;
    assert_eq!((&cleared.data()["status"], &cleared.data()["statusMessage"]), (&json!("AWAY"), &Json::Null));
}

#[tokio::test]
async fn post_presence_users_takes_an_object_or_a_bare_list() {
    let team = team().await;
    let stranger = team.server.person("Eve").await;
    let expected = json!([offline(3, "Carol"), offline(1, "Alice"), offline(2, "Bob")]);
    for body in [json!({ "userIds": [3, 1, stranger.id, 2, 99] }), json!([3, 1, stranger.id, 2, 99])] {
        let answer = team.alice.post("/presence/users", body).await;
        succeeds(&answer, 200);
        assert_eq!(*answer.data(), expected);
        assert_eq!(keys(&answer.text, "data/0"), PRESENCE);
    }
    assert_eq!(*team.alice.post("/presence/users", json!([])).await.data(), json!([]));
}
