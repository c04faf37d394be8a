//! Reactions: adding, removing, toggling, listing, and the summary.

use serde_json::json;

use super::{succeeds, team};
use crate::payload::{REACTION, keys, timeless};

#[tokio::test]
async fn post_reactions_adds_one_and_adding_twice_is_no_error() {
    let team = team().await;
    for _ in 0..2 {
        let answer = team.alice.post("/messages/1/reactions", json!({ "emoji": "👍" })).await;
        succeeds(&answer, 200);
        let data = r#"{"emoji":"👍","added":true,"reactionSummary":{"👍":1}}"#;
        assert_eq!(answer.text, format!(r#"{{"success":true,"error":null,"data":{data}}}"#));
    }
}

#[tokio::test]
async fn delete_reaction_removes_ones_own_and_removing_twice_is_no_error() {
    let team = team().await;
    for _ in 0..2 {
        let answer = team.bob.delete("/messages/5/reactions/%F0%9F%91%8D").await;
        succeeds(&answer, 200);
        let data = json!({ "emoji": "👍", "added": false, "reactionSummary": { "👍": 1, "❤️": 1 } });
        assert_eq!(*answer.data(), data);
    }
    let others = team.alice.delete("/messages/5/reactions/❤️").await;
    assert_eq!(others.data()["reactionSummary"], json!({ "👍": 1, "❤️": 1 }));
}

#[tokio::test]
async fn post_toggle_adds_and_then_removes() {
    let team = team().await;
    for (added, summary) in [(true, json!({ "🎉": 1 })), (false, json!({})), (true, json!({ "🎉": 1 }))] {
        let answer = team.carol.post("/messages/2/reactions/toggle", json!({ "emoji": "🎉" })).await;
        succeeds(&answer, 200);
        assert_eq!(*answer.data(), json!({ "emoji": "🎉", "added": added, "reactionSummary": summary }));
        assert_eq!(keys(&answer.text, "data"), ["emoji", "added", "reactionSummary"]);
    }
}

#[tokio::test]
async fn get_reactions_lists_them_oldest_first() {
    let team = team().await;
    let answer = team.alice.get("/messages/5/reactions").await;
    succeeds(&answer, 200);
    let reactions = json!([
        { "emoji": "👍", "userId": 2, "userName": "Bob", "createdAt": "TIME" },
        { "emoji": "👍", "userId": 3, "userName": "Carol", "createdAt": "TIME" },
        { "emoji": "❤️", "userId": 4, "userName": "Dave", "createdAt": "TIME" },
    ]);
    assert_eq!(timeless(answer.data()), reactions);
    assert_eq!(keys(&answer.text, "data/0"), REACTION);
}

#[tokio::test]
async fn get_summary_answers_the_map() {
    let team = team().await;
    let answer = team.dave.get("/messages/5/reactions/summary").await;
    succeeds(&answer, 200);
    assert_eq!(answer.text, r#"{"success":true,"error":null,"data":{"👍":2,"❤️":1}}"#);
    assert_eq!(*team.dave.get("/messages/1/reactions/summary").await.data(), json!({}));
}
