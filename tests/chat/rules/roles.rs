//! What OWNER, ADMIN and MEMBER may do, as one table.

use serde_json::json;

use super::NOT_IN_IT;
use crate::person::{Answer, Person};
use crate::server::Server;

const ROLE: &str = "Your role in this conversation does not allow that";

struct Group {
    _server: Server,
    owner: Person,
    admin: Person,
    member: Person,
    other_admin: Person,
    other_member: Person,
    stranger: Person,
    path: String,
    id: i64,
}

async fn group() -> Group {
    let server = Server::start().await;
    let owner = server.person("Olive").await;
    let (admin, other_admin) = (server.person("Adam").await, server.person("Ada").await);
    let (member, other_member) = (server.person("Max").await, server.person("Mia").await);
    let stranger = server.person("Eve").await;
    let id = owner.group("Team", &[&admin, &other_admin, &member, &other_member]).await;
    for person in [&admin, &other_admin] {
        let mutation =
            "mutation($c: ID!, $u: ID!) { setParticipantRole(conversationId: $c, userId: $u, role: ADMIN) { id } }";
        owner.gql_ok(mutation, json!({ "c": id.to_string(), "u": person.id.to_string() })).await;
    }
    let path = format!("/conversations/{id}");
    Group { _server: server, owner, admin, member, other_admin, other_member, stranger, path, id }
}

impl Group {
    async fn removes(&self, who: &Person, whom: &Person) -> Answer {
        who.delete(&format!("{}/participants/{}", self.path, whom.id)).await
    }
}

#[tokio::test]
async fn nobody_removes_the_owner_and_an_admin_removes_members_only() {
    let group = group().await;
    group.removes(&group.admin, &group.owner).await.refused(403, "FORBIDDEN", ROLE);
    group.removes(&group.admin, &group.other_admin).await.refused(403, "FORBIDDEN", ROLE);
    for whom in [&group.owner, &group.admin, &group.other_member] {
        group.removes(&group.member, whom).await.refused(403, "FORBIDDEN", ROLE);
        group.removes(&group.stranger, whom).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    }
    assert_eq!(group.removes(&group.admin, &group.member).await.status, 200);
    assert_eq!(group.removes(&group.owner, &group.other_member).await.status, 200);
    assert_eq!(group.removes(&group.owner, &group.other_admin).await.status, 200);
    assert_eq!(group.owner.get(&group.path).await.data()["participantCount"], 2);
}

#[tokio::test]
async fn owner_and_admin_add_and_adding_somebody_who_is_in_is_no_error() {
    let group = group().await;
    let path = format!("{}/participants", group.path);
    let whom = json!({ "userIds": [group.stranger.id] });
    group.member.post(&path, whom.clone()).await.refused(403, "FORBIDDEN", ROLE);
    group.stranger.post(&path, whom.clone()).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    assert_eq!(group.admin.post(&path, whom.clone()).await.data()["participantCount"], 6);
    let again = group.owner.post(&path, whom).await;
    assert_eq!((again.status, &again.data()["participantCount"]), (200, &json!(6)));
    let unknown = group.owner.post(&path, json!({ "userIds": [1, 42] })).await;
    unknown.refused(404, "NOT_FOUND", "User not found: 42");
}

#[tokio::test]
async fn owner_and_admin_edit_the_settings() {
    let group = group().await;
    let named = |name: &str| json!({ "name": name });
    group.member.put(&group.path, named("Mine")).await.refused(403, "FORBIDDEN", ROLE);
    group.stranger.put(&group.path, named("Mine")).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    assert_eq!(group.admin.put(&group.path, named("Adam's")).await.data()["name"], "Adam's");
    assert_eq!(group.owner.put(&group.path, named("Olive's")).await.data()["name"], "Olive's");
}

#[tokio::test]
async fn a_message_is_deleted_by_its_sender_or_by_owner_and_admin() {
    let group = group().await;
    let own = "You can only delete your own messages";
    for deleter in [&group.member, &group.admin, &group.owner] {
        let message = group.member.send(group.id, "hello").await;
        group.other_member.delete(&format!("/messages/{message}")).await.refused(403, "FORBIDDEN", own);
        assert_eq!(deleter.delete(&format!("/messages/{message}")).await.data()["isDeleted"], true);
        group.other_member.delete(&format!("/messages/{message}")).await.refused(403, "FORBIDDEN", own);
    }
    let owners = group.owner.send(group.id, "mine").await;
    assert_eq!(group.other_admin.delete(&format!("/messages/{owners}")).await.status, 200);
}

#[tokio::test]
async fn a_message_is_edited_by_its_sender_only() {
    let group = group().await;
    let message = group.member.send(group.id, "hello").await;
    for other in [&group.owner, &group.admin, &group.other_member] {
        let answer = other.put(&format!("/messages/{message}"), json!({ "content": "bye" })).await;
        answer.refused(403, "FORBIDDEN", "Only its sender can edit a message");
    }
}

#[tokio::test]
async fn in_a_direct_conversation_everybody_deletes_their_own_only() {
    let group = group().await;
    let direct = group.owner.direct(&group.stranger).await;
    let message = group.stranger.send(direct, "hello").await;
    let answer = group.owner.delete(&format!("/messages/{message}")).await;
    answer.refused(403, "FORBIDDEN", "You can only delete your own messages");
    assert_eq!(group.stranger.delete(&format!("/messages/{message}")).await.status, 200);
}

#[tokio::test]
async fn what_is_switched_off_in_a_group_is_forbidden_in_it() {
    let group = group().await;
    let message = group.member.send(group.id, "hello").await;
    let off = json!({ "allowReactions": false, "allowReplies": false });
    group.owner.put(&group.path, off).await.ok();
    let reply = json!({ "content": "a reply", "parentMessageId": message });
    let answer = group.owner.post(&format!("{}/messages", group.path), reply).await;
    answer.refused(403, "FORBIDDEN", "Replies are switched off in this conversation");
    let answer = group.owner.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "👍" })).await;
    answer.refused(403, "FORBIDDEN", "Reactions are switched off in this conversation");
}
