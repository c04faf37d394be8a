//! Acts through doors, and what they answered, brought into one form.

use chrono::{DateTime, FixedOffset};
use serde_json::{Value as Json, json};

use super::requests::{graphql, rest, stomp};
use super::rules::Made;
use super::steps::Act;
use super::stomp::Stomp;
use crate::person::Person;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Rest,
    Graphql,
    Stomp,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The data, or the code of the refusal. Over STOMP there is no data.
    pub answer: Result<Option<Json>, String>,
    /// Whether something was made, where the door tells.
    pub created: Option<bool>,
    pub made: Made,
    /// Byte for byte; empty over STOMP where all is well.
    pub raw: String,
}

/// The doors that have an act.
pub fn doors(act: &Act) -> Vec<Door> {
    let has = [
        (Door::Rest, rest(act).is_some()),
        (Door::Graphql, graphql(act).is_some()),
        (Door::Stomp, stomp(act).is_some()),
    ];
    has.into_iter().filter(|(_, has)| *has).map(|(door, _)| door).collect()
}

/// Does it through a door that has it.
pub async fn perform(person: &Person, live: &mut Stomp, door: Door, act: &Act) -> Reply {
    match door {
        Door::Rest => {
            let (method, path, body) = rest(act).expect("the door has it");
            let request = person.request(method, &format!("/api/chat{path}"));
            let answer = person.fetch(if body.is_null() { request } else { request.json(&body) }).await;
            let data = match answer.body["success"] == json!(true) {
                true => Ok(answer.body.clone()),
                false => Err(answer.body["code"].as_str().unwrap_or("no code").to_owned()),
            };
            let created = data.is_ok().then_some(answer.status == 201);
            reply(act, data, "data", created, format!("{} {}", answer.status, answer.text))
        }
        Door::Graphql => {
            let (document, variables) = graphql(act).expect("the door has it");
            let answer = person.gql_answer(&document, variables).await;
            let data = match answer.body.get("errors") {
                None => Ok(answer.body["data"].clone()),
                Some(errors) => Err(errors[0]["extensions"]["code"].as_str().unwrap_or("no code").to_owned()),
            };
            reply(act, data, "it", None, format!("{} {}", answer.status, answer.text))
        }
        Door::Stomp => {
            let (destination, body) = stomp(act).expect("the door has it");
            let refused = live.send(destination, &body).await;
            let raw = refused.as_ref().map(Json::to_string).unwrap_or_default();
            let code = refused.map(|refused| refused["code"].as_str().unwrap_or("no code").to_owned());
            let mut made = Made::default();
            if let (None, Act::Send { room, .. }) = (&code, act) {
                let newest = person.get(&format!("/conversations/{room}/messages?limit=1")).await.ok();
                made = Made { id: id(&newest[0]["id"]).as_i64().unwrap_or(0), at: at(&newest[0]["createdAt"]) };
            }
            Reply { answer: code.map_or(Ok(None), Err), created: None, made, raw }
        }
    }
}

fn reply(act: &Act, data: Result<Json, String>, at_key: &str, created: Option<bool>, raw: String) -> Reply {
    let made = data
        .as_ref()
        .map(|all| &all[at_key])
        .map(|made| Made { id: id(&made["id"]).as_i64().unwrap_or(0), at: at(&made["createdAt"]) });
    let made = made.unwrap_or_default();
    Reply { answer: data.map(|all| Some(plain(act, &all, at_key))), created, made, raw }
}

/// The answer of a door in the form of the model.
fn plain(act: &Act, all: &Json, key: &str) -> Json {
    let data = &all[key];
    match act {
        Act::Leave { .. } | Act::Close { .. } | Act::Remove { .. } | Act::Type { .. } => {
            if data == &json!(true) {
                Json::Null
            } else {
                data.clone()
            }
        }
        Act::Send { .. } | Act::Edit { .. } | Act::Erase { .. } => message(data),
        Act::React { .. } => {
            json!({ "emoji": data["emoji"], "added": data["added"], "reactionSummary": summary(&data["reactionSummary"]) })
        }
        Act::Read { .. } => json!({
            "conversationId": id(&data["conversationId"]),
            "lastReadMessageId": id(&data["lastReadMessageId"]),
            "moved": !data["readAt"].is_null(),
            "unreadCount": data["unreadCount"],
        }),
        Act::Page { .. } | Act::Thread { .. } | Act::Find { .. } if key == "data" => {
            json!({ "messages": each(data, message), "more": all["page"]["hasMore"] })
        }
        Act::Page { .. } => page(&data["messages"], "hasPreviousPage"),
        Act::Thread { .. } => page(&data["replies"], "hasNextPage"),
        Act::Find { .. } => page(data, "hasNextPage"),
        Act::FindRooms { .. } => each(if key == "data" { data } else { &data["nodes"] }, |room| id(&room["id"])),
        _ => room(data),
    }
}

fn page(connection: &Json, more: &str) -> Json {
    json!({ "messages": each(&connection["nodes"], message), "more": connection["pageInfo"][more] })
}

/// A list with each entry changed.
pub fn each(list: &Json, change: impl Fn(&Json) -> Json) -> Json {
    list.as_array().map(|list| list.iter().map(change).collect()).unwrap_or(Json::Null)
}

/// An id as a number, whichever door it came through.
pub fn id(value: &Json) -> Json {
    match value.as_str() {
        Some(text) => text.parse::<i64>().map_or(value.clone(), Json::from),
        None => value.clone(),
    }
}

/// Milliseconds since 1970.
fn at(value: &Json) -> i64 {
    let time = value.as_str().and_then(|text| DateTime::<FixedOffset>::parse_from_rfc3339(text).ok());
    time.map_or(0, |time| time.timestamp_millis())
}

fn summary(value: &Json) -> Json {
    let mut counts: Vec<(String, Json)> = match value {
        Json::Object(map) => map.iter().map(|(emoji, count)| (emoji.clone(), count.clone())).collect(),
        list => list
            .as_array()
            .into_iter()
            .flatten()
            .map(|each| (each["emoji"].as_str().unwrap_or("").to_owned(), each["count"].clone()))
            .collect(),
    };
    counts.sort_by(|one, other| one.0.cmp(&other.0));
    json!(counts)
}

/// A message in the form of the model.
pub fn message(data: &Json) -> Json {
    json!({
        "id": id(&data["id"]),
        "conversationId": id(&data["conversationId"]),
        "messageType": data["messageType"],
        "content": data["content"],
        "senderId": id(&data["senderId"]),
        "senderName": data["senderName"],
        "parentMessageId": id(&data["parentMessageId"]),
        "replyCount": data["replyCount"],
        "isEdited": data["isEdited"],
        "edited": !data["editedAt"].is_null(),
        "isDeleted": data["isDeleted"],
        "attachments": data["attachments"],
        "reactionSummary": summary(&data["reactionSummary"]),
        "tempId": data["tempId"],
    })
}

/// A conversation in the form of the model.
pub fn room(data: &Json) -> Json {
    let person = |person: &Json| {
        json!([id(&person["userId"]), person["userName"], person["role"], id(&person["lastReadMessageId"])])
    };
    json!({
        "id": id(&data["id"]),
        "type": data["type"],
        "name": data["name"],
        "description": data["description"],
        "createdById": id(&data["createdById"]),
        "participants": each(&data["participants"], person),
        "participantCount": data["participantCount"],
        "lastMessage": if data["lastMessage"].is_null() { Json::Null } else { message(&data["lastMessage"]) },
        "unreadCount": data["unreadCount"],
        "muted": data["muted"],
        "pinned": data["pinned"],
        "archived": data["archived"],
        "allowReactions": data["allowReactions"],
        "allowReplies": data["allowReplies"],
    })
}
