//! Participants, and one's own settings of a conversation.

use serde_json::json;

use super::{project_team, succeeds, team};
use crate::payload::{CONVERSATION, PARTICIPANT, keys, participant, timeless, with};

#[tokio::test]
async fn post_participants_adds_users() {
    let team = team().await;
    let (erin, frank) = (team.server.person("Erin").await, team.server.person("Frank").await);
    let answer = team.alice.post("/conversations/1/participants", json!({ "userIds": [erin.id, 2, erin.id] })).await;
    succeeds(&answer, 200);
    assert_eq!(keys(&answer.text, "data"), CONVERSATION);
    assert_eq!(keys(&answer.text, "data/participants/4"), PARTICIPANT);
    let people = &answer.data()["participants"];
    let newcomer = with(participant((5, "Erin"), "MEMBER"), json!({ "lastReadMessageId": 8 }));
    assert_eq!((people.as_array().map(Vec::len), timeless(&people[4])), (Some(5), newcomer));
    let other_spelling = json!({ "participantIds": [frank.id] });
    let answer = team.alice.post("/conversations/1/participants", other_spelling).await;
    succeeds(&answer, 200);
    assert_eq!(answer.data()["participantCount"], 6);
    assert_eq!(erin.get("/conversations/1").await.data()["unreadCount"], 0);
    assert_eq!(erin.get("/conversations/1/messages").await.data().as_array().map(Vec::len), Some(8));
}

#[tokio::test]
async fn delete_participant_removes_somebody() {
    let team = team().await;
    let answer = team.alice.delete("/conversations/1/participants/4").await;
    succeeds(&answer, 200);
    assert_eq!(answer.text, r#"{"success":true,"error":null,"data":null}"#);
    assert_eq!(team.dave.get("/conversations/1").await.status, 403);
    let gone = team.alice.delete("/conversations/1/participants/4").await;
    gone.refused(404, "NOT_FOUND", "User 4 is not in this conversation");
}

#[tokio::test]
async fn removing_oneself_is_leaving() {
    let team = team().await;
    succeeds(&team.dave.delete("/conversations/1/participants/4").await, 200);
    assert_eq!(team.alice.get("/conversations/1").await.data()["participantCount"], 3);
}

#[tokio::test]
async fn mute_pin_and_archive_are_the_callers_own_and_default_to_true() {
    for (verb, field) in [("mute", "muted"), ("pin", "pinned"), ("archive", "archived")] {
        let team = team().await;
        for (query, on) in [(format!("?{field}=true"), true), (format!("?{field}=false"), false), (String::new(), true)]
        {
            // As the reference has it: a query parameter and no body at all.
            let path = format!("/api/chat/conversations/1/{verb}{query}");
            let answer = team.bob.fetch(team.bob.request(reqwest::Method::PUT, &path)).await;
            succeeds(&answer, 200);
            assert_eq!(timeless(answer.data()), with(project_team(), json!({ field: on })));
            assert_eq!(team.bob.get("/conversations/1").await.data()[field], on);
        }
        assert_eq!(team.alice.get("/conversations/1").await.data()[field], false);
    }
}

#[tokio::test]
async fn a_new_message_leaves_an_archived_conversation_archived() {
    let team = team().await;
    team.bob.put("/conversations/1/archive", json!(null)).await.ok();
    team.alice.send(1, "Is anybody there?").await;
    assert_eq!(*team.bob.get("/conversations").await.data(), json!([]));
    assert_eq!(team.bob.get("/conversations/unread").await.data()["totalUnread"], 7);
}
