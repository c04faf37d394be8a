//! The people of the matrix, and groups in which each of them stands where their name says.

use serde_json::{Value as Json, json};
use tokio::sync::Mutex;

use super::stomp::Stomp;
use crate::person::Person;
use crate::server::Server;

/// Where somebody stands to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Owner,
    Admin,
    Member,
    /// Was in it and wrote in it.
    Removed,
    Stranger,
    /// Without a token.
    Anonymous,
}

pub const EVERYBODY: [Who; 6] = [Who::Owner, Who::Admin, Who::Member, Who::Removed, Who::Stranger, Who::Anonymous];

impl Who {
    pub fn is_inside(self) -> bool {
        matches!(self, Who::Owner | Who::Admin | Who::Member)
    }
}

/// Somebody and their STOMP session, opened at its first use.
pub struct Caller {
    pub person: Person,
    pub stomp: Mutex<Option<Stomp>>,
}

/// The first five stand where [`Who`] says; a second admin, a second member and somebody to be added follow.
pub struct People {
    pub callers: Vec<Caller>,
    pub http: reqwest::Client,
}

const NAMES: [&str; 8] = ["owner", "admin", "member", "removed", "stranger", "deputy", "bystander", "newcomer"];

impl People {
    pub async fn meet(server: &Server) -> Self {
        let mut callers = Vec::new();
        for name in NAMES {
            callers.push(Caller { person: server.person(name).await, stomp: Mutex::new(None) });
        }
        Self { callers, http: reqwest::Client::new() }
    }

    /// Nobody for [`Who::Anonymous`].
    pub fn caller(&self, who: Who) -> Option<&Caller> {
        (who != Who::Anonymous).then(|| &self.callers[who as usize])
    }

    pub fn named(&self, name: &str) -> &Person {
        let place = NAMES.iter().position(|known| *known == name).expect("a known name");
        &self.callers[place].person
    }

    /// A group with a message of everybody who is or was in it, a reply and a reaction.
    pub async fn group(&self, name: &str) -> Scene {
        let [owner, admin, member, removed] = ["owner", "admin", "member", "removed"].map(|name| self.named(name));
        let [deputy, bystander] = ["deputy", "bystander"].map(|name| self.named(name));
        let group = owner.group(name, &[admin, member, removed, deputy, bystander]).await;
        let roles = "mutation($c: ID!, $a: ID!, $d: ID!) {
            a: setParticipantRole(conversationId: $c, userId: $a, role: ADMIN) { id }
            d: setParticipantRole(conversationId: $c, userId: $d, role: ADMIN) { id } }";
        let ids = json!({ "c": group.to_string(), "a": admin.id.to_string(), "d": deputy.id.to_string() });
        owner.gql_ok(roles, ids).await;
        let mut own = Vec::new();
        for person in [owner, admin, member, removed] {
            own.push(person.send(group, "a word").await);
        }
        let reply = json!({ "content": "a reply", "parentMessageId": own[0] });
        let reply = owner.post(&format!("/conversations/{group}/messages"), reply).await.ok()["id"].clone();
        member.post(&format!("/messages/{}/reactions", own[0]), json!({ "emoji": "👍" })).await.ok();
        owner.delete(&format!("/conversations/{group}/participants/{}", removed.id)).await.ok();
        Scene { group, own, reply: reply.as_i64().expect("an id") }
    }

    /// A conversation of the owner and the member alone, seen as a scene.
    pub async fn direct(&self) -> Scene {
        let (owner, member) = (self.named("owner"), self.named("member"));
        let direct = owner.direct(member).await;
        let message = owner.send(direct, "a word").await;
        let reply = json!({ "content": "a reply", "parentMessageId": message });
        let reply = member.post(&format!("/conversations/{direct}/messages"), reply).await.ok()["id"].clone();
        Scene { group: direct, own: vec![message; 4], reply: reply.as_i64().expect("an id") }
    }

    /// What the owner sees of a group: whatever anybody changes shows in it.
    pub async fn look(&self, scene: &Scene) -> String {
        let owner = self.named("owner");
        let mut seen = Vec::new();
        for path in [
            format!("/conversations/{}", scene.group),
            format!("/conversations/{}/messages", scene.group),
            format!("/messages/{}/reactions", scene.own[0]),
            format!("/messages/{}/read-receipts", scene.own[0]),
        ] {
            seen.push(owner.get(&path).await.text);
        }
        seen.join("\n")
    }

    /// `template` with the ids of a scene, from where `who` stands.
    pub fn fill(&self, template: &str, scene: &Scene, who: Who) -> String {
        self.names(scene, who)
            .iter()
            .fold(template.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), &id.to_string()))
    }

    /// The same ids as the variables of a GraphQL operation.
    pub fn variables(&self, scene: &Scene, who: Who) -> Json {
        self.names(scene, who).into_iter().map(|(name, id)| (name.to_owned(), json!(id.to_string()))).collect()
    }

    fn names(&self, scene: &Scene, who: Who) -> Vec<(&'static str, i64)> {
        let own = scene.own.get(who as usize).copied().unwrap_or(scene.own[0]);
        let other = if who == Who::Owner { scene.own[1] } else { scene.own[0] };
        let mut names =
            vec![("c", scene.group), ("m", scene.own[0]), ("own", own), ("other", other), ("r", scene.reply)];
        names.extend(NAMES.iter().zip(&self.callers).map(|(name, caller)| (*name, caller.person.id)));
        names
    }
}

/// A conversation and what is in it.
#[derive(Debug, Clone)]
pub struct Scene {
    pub group: i64,
    /// The messages of the owner, the admin, the member and the removed one.
    pub own: Vec<i64>,
    /// To the first of them.
    pub reply: i64,
}

impl Scene {
    /// Where there is nothing.
    pub fn nowhere() -> Self {
        Self { group: 9_999_999, own: vec![9_999_998; 4], reply: 9_999_997 }
    }
}
