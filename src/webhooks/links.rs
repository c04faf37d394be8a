//! The links in the body of a webhook, signed anew for each attempt: the body is written when something happens, and an
//! attempt may be made when its links are long over. Nothing else of the body changes, nor what people wrote in it.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::chat::files::Part;
use crate::chat::files::url_signer::UrlSigner;
use crate::id::FileId;

/// The body with the links of its attachments as they are told at `now`.
pub(super) fn with_fresh_links<'p>(payload: &'p str, signer: &UrlSigner, now: DateTime<Utc>) -> Cow<'p, str> {
    // Where no file is named, there is no link: most bodies are not even read.
    if !payload.contains("\"fileId\":") {
        return Cow::Borrowed(payload);
    }
    let sign = |id, part| signer.sign(id, part, now);
    let mut body = match serde_json::from_str::<Fields>(payload) {
        Ok(body) => body,
        Err(_) => return Cow::Borrowed(payload),
    };
    body.replace("data", |data| {
        let mut data = Fields::of(data)?;
        data.replace("attachments", |list| attachments(list, &sign));
        data.replace("lastMessage", |message| {
            let mut message = Fields::of(message)?;
            message.replace("attachments", |list| attachments(list, &sign));
            to_raw_value(&message).ok()
        });
        to_raw_value(&data).ok()
    });
    serde_json::to_string(&body).map_or(Cow::Borrowed(payload), Cow::Owned)
}

fn attachments(list: &RawValue, sign: &impl Fn(FileId, Part) -> String) -> Option<Box<RawValue>> {
    let mut list: Vec<Fields> = serde_json::from_str(list.get()).ok()?;
    for attachment in &mut list {
        let Some(id) = attachment.get("fileId").and_then(|id| id.get().parse().ok()) else { continue };
        for (name, part) in [("url", Part::Content), ("thumbnailUrl", Part::Thumbnail)] {
            attachment.replace(name, |link| match link.get() {
                "null" => None,
                _ => to_raw_value(&sign(id, part)).ok(),
            });
        }
    }
    to_raw_value(&list).ok()
}

/// The fields of an object in their order, their values as they are written.
struct Fields<'p>(Vec<(Cow<'p, str>, Cow<'p, RawValue>)>);

impl<'p> Fields<'p> {
    fn of(written: &'p RawValue) -> Option<Self> {
        serde_json::from_str(written.get()).ok()
    }

    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_ref())
    }

    /// Puts what is made of a field in its place; it stays as it is where there is none or nothing is made of it.
    fn replace(&mut self, name: &str, make: impl FnOnce(&RawValue) -> Option<Box<RawValue>>) {
        if let Some((_, value)) = self.0.iter_mut().find(|(field, _)| field == name)
            && let Some(made) = make(value)
        {
            *value = Cow::Owned(made);
        }
    }
}

impl<'de: 'p, 'p> Deserialize<'de> for Fields<'p> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(Cow<'de, str>, Cow<'de, RawValue>)>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    fields.push((Cow::Owned(name), Cow::Borrowed(value)));
                }
                Ok(fields)
            }
        }

        from.deserialize_map(Reader).map(Self)
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "/api/files/7/content?expires=300&signature=old";

    fn fresh(payload: &str) -> String {
        let signer = UrlSigner::new(b"a key", Some("https://chat.example.org"));
        with_fresh_links(payload, &signer, DateTime::from_timestamp(90_000, 0).unwrap()).into_owned()
    }

    #[test]
    fn links_of_attachments_are_signed_anew_and_nothing_else_changes() {
        let signer = UrlSigner::new(b"a key", Some("https://chat.example.org"));
        let link = |part| signer.sign(FileId::stored(7), part, DateTime::from_timestamp(90_000, 0).unwrap());
        let (content, small) = (link(Part::Content), link(Part::Thumbnail));
        let list = |url: &str, small: &str| {
            format!("[{{\"id\":1,\"fileId\":7,\"url\":\"{url}\",\"thumbnailUrl\":{small},\"width\":null}}]")
        };
        let (old, new) = (list(OLD, "\"/x\""), list(&content, &format!("\"{small}\"")));
        for shape in [
            "{\"type\":\"t\",\"data\":{\"z\":1.50,\"content\":\"\\u00e9 \\\"fileId\\\":7\",\"attachments\":LIST,\"a\":{}}}",
            "{\"type\":\"t\",\"data\":{\"lastMessage\":{\"id\":2,\"attachments\":LIST},\"id\":1}}",
        ] {
            assert_eq!(fresh(&shape.replace("LIST", &old)), shape.replace("LIST", &new));
        }
        let without = "{\"data\":{\"attachments\":LIST}}".replace("LIST", &list(OLD, "null"));
        assert!(fresh(&without).contains("\"thumbnailUrl\":null"));
    }

    #[test]
    fn what_people_wrote_is_never_signed() {
        let theirs = format!("{{\"attachments\":[{{\"fileId\":7,\"url\":\"{OLD}\"}}]}}");
        let quoted = serde_json::to_string(&theirs).unwrap();
        for payload in [
            format!("{{\"data\":{{\"content\":{quoted},\"metadata\":{theirs},\"attachments\":[]}}}}"),
            format!("{{\"data\":{{\"lastMessage\":{{\"metadata\":{theirs},\"attachments\":[]}},\"fileId\":7}}}}"),
            format!("{{\"data\":{theirs}, no JSON"),
        ] {
            assert_eq!(fresh(&payload), payload);
        }
    }
}
