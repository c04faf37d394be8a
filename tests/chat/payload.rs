//! The payloads of the protocol as they stand on the wire: the order of their keys, which a parsed value forgets, and
//! their values with every time checked and then set aside.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value as Json, json};

pub const MESSAGE: &[&str] = &[
    "id",
    "conversationId",
    "messageType",
    "content",
    "senderId",
    "senderName",
    "parentMessageId",
    "replyCount",
    "isEdited",
    "isDeleted",
    "attachments",
    "reactionSummary",
    "createdAt",
    "editedAt",
    "metadata",
];
pub const CONVERSATION: &[&str] = &[
    "id",
    "type",
    "name",
    "description",
    "avatarUrl",
    "createdById",
    "participants",
    "participantCount",
    "lastMessage",
    "unreadCount",
    "muted",
    "pinned",
    "archived",
    "allowReactions",
    "allowReplies",
    "allowFileUploads",
    "maxFileSizeMb",
    "allowedFileTypes",
    "lastMessageAt",
    "createdAt",
    "updatedAt",
];
pub const PARTICIPANT: &[&str] = &["userId", "userName", "avatarUrl", "role", "joinedAt", "lastReadMessageId"];
pub const PRESENCE: &[&str] = &["userId", "userName", "status", "online", "statusMessage", "deviceType", "lastSeenAt"];
pub const READ_RECEIPT: &[&str] = &["messageId", "userId", "userName", "readAt"];
pub const REACTION: &[&str] = &["emoji", "userId", "userName", "createdAt"];

/// A JSON text with the order of its keys.
#[derive(Debug)]
enum Shape {
    Object(Vec<(String, Shape)>),
    List(Vec<Shape>),
    Plain,
}

/// The keys of the object at `path`, in the order in which they are written: `keys(text, "data/0")`.
#[track_caller]
pub fn keys(text: &str, path: &str) -> Vec<String> {
    let mut shape = serde_json::from_str::<Shape>(text).expect("JSON");
    for step in path.split('/').filter(|step| !step.is_empty()) {
        let inner = match shape {
            Shape::Object(fields) => fields.into_iter().find(|(key, _)| key == step).map(|(_, shape)| shape),
            Shape::List(items) => step.parse().ok().and_then(|place: usize| items.into_iter().nth(place)),
            Shape::Plain => None,
        };
        shape = inner.unwrap_or_else(|| panic!("there is no {path} in {text}"));
    }
    match shape {
        Shape::Object(fields) => fields.into_iter().map(|(key, _)| key).collect(),
        _ => panic!("{path} is no object in {text}"),
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Shape;

            fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
                out.write_str("JSON")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Shape::Object(fields))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Shape::List(items))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
                Ok(Shape::Plain)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
                Ok(Shape::Plain)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
                Ok(Shape::Plain)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
                Ok(Shape::Plain)
            }

            fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
                Ok(Shape::Plain)
            }

            fn visit_unit<E>(self) -> Result<Shape, E> {
                Ok(Shape::Plain)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// The value with each time in it checked (RFC 3339, UTC, `Z`, milliseconds) and replaced by `"TIME"`.
#[track_caller]
pub fn timeless(value: &Json) -> Json {
    match value {
        Json::Object(fields) => {
            let plain = |(key, value): (&String, &Json)| {
                let value = match value.as_str().filter(|_| key.ends_with("At")) {
                    Some(time) => {
                        assert!(time.len() == 24 && time.ends_with('Z'), "{key}: {time}");
                        chrono::DateTime::parse_from_rfc3339(time).expect("RFC 3339");
                        json!("TIME")
                    }
                    None => timeless(value),
                };
                (key.clone(), value)
            };
            Json::Object(fields.iter().map(plain).collect())
        }
        Json::Array(items) => items.iter().map(timeless).collect(),
        other => other.clone(),
    }
}

/// Every time in a value: what stands under a name that ends with `At`, and the `timestamp` of a webhook.
pub fn times(value: &Json) -> Vec<String> {
    match value {
        Json::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| match value.as_str() {
                Some(time) if key.ends_with("At") || key == "timestamp" => vec![time.to_owned()],
                _ => times(value),
            })
            .collect(),
        Json::Array(items) => items.iter().flat_map(times).collect(),
        _ => Vec::new(),
    }
}

/// The ids of a list, in its order.
pub fn ids(list: &Json) -> Vec<i64> {
    let list = list.as_array().unwrap_or_else(|| panic!("a list was expected, not {list}"));
    list.iter().map(|entry| entry["id"].as_i64().expect("an id")).collect()
}

/// A plain message without its time, as everybody but its sender sees it.
pub fn message(id: i64, conversation: i64, sender: (i64, &str), content: &str) -> Json {
    json!({
        "id": id,
        "conversationId": conversation,
        "messageType": "TEXT",
        "content": content,
        "senderId": sender.0,
        "senderName": sender.1,
        "parentMessageId": null,
        "replyCount": 0,
        "isEdited": false,
        "isDeleted": false,
        "attachments": [],
        "reactionSummary": {},
        "createdAt": "TIME",
        "editedAt": null,
        "metadata": null,
    })
}

/// A participant without the time of joining, with the read marker where it is at first.
pub fn participant(user: (i64, &str), role: &str) -> Json {
    json!({
        "userId": user.0,
        "userName": user.1,
        "avatarUrl": null,
        "role": role,
        "joinedAt": "TIME",
        "lastReadMessageId": null,
    })
}

/// `value` with some of its fields replaced.
pub fn with(mut value: Json, fields: Json) -> Json {
    for (key, field) in fields.as_object().expect("an object") {
        value[key] = field.clone();
    }
    value
}
