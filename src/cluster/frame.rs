//! What nodes tell one another, and its text: sealed with a key that only the database has, so that whoever can write to
//! a broker and not to the database forges nothing (protocol §14). It does not know what an event is.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::Sha256;

use crate::id::UserId;

/// A node's name for itself: one of its own at every start.
pub type NodeId = String;

/// What a node has to tell. All of it is a hint: what gets lost stands in the database.
#[derive(Debug, Clone)]
pub enum News {
    /// The log has grown by the events after `from`, up to `to`. They are there themselves where the frame has room.
    Events { from: i64, to: i64, events: Option<Box<RawValue>> },
    /// What passes and stands in no log.
    Signals(Box<RawValue>),
    /// Names or pictures of these changed.
    People(Vec<UserId>),
    /// These were banned, or not any more, or signed out.
    Standings(Vec<UserId>),
    /// The node lives, has routed the log up to `head`, and hears itself by it.
    Beat { head: i64, draining: bool },
}

/// Something that a node told.
#[derive(Debug, Clone)]
pub struct Frame {
    pub node: NodeId,
    /// Counts what this node told.
    pub number: u64,
    /// When it was told, in milliseconds since 1970 by the database's clock; 0 where that is not said.
    pub at: i64,
    pub news: News,
}

/// Why a frame was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// It is no frame.
    Malformed,
    /// It is of a later version of this program.
    Version,
    /// It is of another database.
    Epoch,
    /// It was not made by a node of this database, or was changed on the way.
    Forged,
    /// It tells something that this version does not know.
    Unknown,
}

impl Ignored {
    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Ignored::Malformed => "malformed",
            Ignored::Version => "version",
            Ignored::Epoch => "epoch",
            Ignored::Forged => "forged",
            Ignored::Unknown => "unknown",
        }
    }
}

/// Seals and opens the frames of one database.
#[derive(Clone)]
pub struct Seal {
    key: Hmac<Sha256>,
    epoch: String,
}

/// A frame is `1.EPOCH.NODE.NUMBER.MAC.JSON`; the MAC is of all the rest.
const VERSION: &str = "1";
/// Bytes of a MAC.
const MAC_BYTES: usize = 16;

/// The JSON of a frame. What a later version adds is passed over.
#[derive(Serialize, Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    kind: Cow<'b, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    draining: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    users: Option<Vec<UserId>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    told: Option<&'b RawValue>,
    #[serde(default)]
    at: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Seal {
    /// Under the key of a database, for the cursors of this epoch.
    pub fn new(secret: &[u8], epoch: &str) -> Self {
        let mut derived = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        derived.update(b"frames between nodes");
        let key = Hmac::new_from_slice(&derived.finalize().into_bytes()).expect("HMAC takes keys of any length");
        Self { key, epoch: epoch.to_owned() }
    }

    /// Names the database among others that share a broker.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The text of a frame.
    pub fn close(&self, frame: &Frame) -> String {
        let body = Body { at: frame.at, ..frame.news.body() };
        let json = serde_json::to_string(&body).expect("numbers, texts and JSON are JSON");
        let head = format!("{VERSION}.{}.{}.{}", self.epoch, frame.node, frame.number);
        format!("{head}.{}.{json}", URL_SAFE_NO_PAD.encode(&self.mac(&head, &json)[..MAC_BYTES]))
    }

    /// The frame of a text.
    ///
    /// # Errors
    /// Why it has to be passed over.
    pub fn open(&self, text: &str) -> Result<Frame, Ignored> {
        let mut parts = text.splitn(6, '.');
        let mut part = || parts.next().ok_or(Ignored::Malformed);
        let (version, epoch, node, number, mac, json) = (part()?, part()?, part()?, part()?, part()?, part()?);
        if version != VERSION {
            let is_later = version.parse::<u32>().is_ok_and(|version| version > 1);
            return Err(if is_later { Ignored::Version } else { Ignored::Malformed });
        }
        if epoch != self.epoch {
            return Err(Ignored::Epoch);
        }
        let given = URL_SAFE_NO_PAD.decode(mac).map_err(|_| Ignored::Malformed)?;
        if given.len() != MAC_BYTES {
            return Err(Ignored::Forged);
        }
        let head = &text[..text.len() - json.len() - mac.len() - 2];
        let mut expected = self.key.clone();
        expected.update(head.as_bytes());
        expected.update(json.as_bytes());
        expected.verify_truncated_left(&given).map_err(|_| Ignored::Forged)?;
        let number = number.parse().map_err(|_| Ignored::Malformed)?;
        let body: Body = serde_json::from_str(json).map_err(|_| Ignored::Malformed)?;
        Ok(Frame { node: node.to_owned(), number, at: body.at, news: body.news()? })
    }

    fn mac(&self, head: &str, json: &str) -> Vec<u8> {
        let mut mac = self.key.clone();
        mac.update(head.as_bytes());
        mac.update(json.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
}

impl News {
    /// As metrics name it.
    pub fn kind(&self) -> &'static str {
        match self {
            News::Events { .. } => "events",
            News::Signals(_) => "signals",
            News::People(_) => "people",
            News::Standings(_) => "standings",
            News::Beat { .. } => "beat",
        }
    }

    /// The same with nothing but the positions, where that says enough.
    pub fn without_events(&self) -> Option<Self> {
        match self {
            News::Events { from, to, events: Some(_) } => Some(News::Events { from: *from, to: *to, events: None }),
            _ => None,
        }
    }

    fn body(&self) -> Body<'_> {
        let kind = Cow::Borrowed(self.kind());
        let nothing = Body { kind, from: None, to: None, head: None, draining: false, users: None, told: None, at: 0 };
        match self {
            News::Events { from, to, events } => {
                Body { from: Some(*from), to: Some(*to), told: events.as_deref(), ..nothing }
            }
            News::Signals(signals) => Body { told: Some(signals), ..nothing },
            News::People(users) | News::Standings(users) => Body { users: Some(users.clone()), ..nothing },
            News::Beat { head, draining } => Body { head: Some(*head), draining: *draining, ..nothing },
        }
    }
}

impl Body<'_> {
    fn news(self) -> Result<News, Ignored> {
        let missing = Ignored::Malformed;
        Ok(match &*self.kind {
            "events" => {
                let (from, to) = (self.from.ok_or(missing)?, self.to.ok_or(missing)?);
                News::Events { from, to, events: self.told.map(ToOwned::to_owned) }
            }
            "signals" => News::Signals(self.told.ok_or(missing)?.to_owned()),
            "people" => News::People(self.users.ok_or(missing)?),
            "standings" => News::Standings(self.users.ok_or(missing)?),
            "beat" => News::Beat { head: self.head.ok_or(missing)?, draining: self.draining },
            _ => return Err(Ignored::Unknown),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal() -> Seal {
        Seal::new(b"a key", "0123456789abcdef")
    }

    fn frame(news: News) -> Frame {
        Frame { node: "n1".to_owned(), number: 7, at: 1_795_892_262_827, news }
    }

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_as_it_was() {
        let all = [
            News::Events { from: 3, to: 5, events: Some(raw(r#"[{"a.b":"c.d"}]"#)) },
            News::Events { from: 3, to: 5, events: None },
            News::Signals(raw("[]")),
            News::People(vec![UserId::stored(1), UserId::stored(2)]),
            News::Standings(vec![UserId::stored(3)]),
            News::Beat { head: 9, draining: true },
        ];
        for news in all {
            let text = seal().close(&frame(news.clone()));
            let opened = seal().open(&text).unwrap();
            assert_eq!(format!("{:?}", opened), format!("{:?}", frame(news)));
        }
    }

    #[test]
    fn what_no_node_of_this_database_made_is_passed_over() {
        let text = seal().close(&frame(News::Beat { head: 9, draining: false }));
        let other_key =
            Seal::new(b"another", "0123456789abcdef").close(&frame(News::Beat { head: 9, draining: false }));
        let other_epoch = Seal::new(b"a key", "another").close(&frame(News::Beat { head: 9, draining: false }));
        let cases = [
            (text.replace("\"head\":9", "\"head\":8"), Ignored::Forged),
            (text.replace(".n1.", ".n2."), Ignored::Forged),
            (text.replace(".7.", ".8."), Ignored::Forged),
            (text[..text.len() - 1].to_owned(), Ignored::Forged),
            (other_key, Ignored::Forged),
            (other_epoch, Ignored::Epoch),
            (text.replacen("1.", "2.", 1), Ignored::Version),
            (text.replacen("1.", "0.", 1), Ignored::Malformed),
            (String::new(), Ignored::Malformed),
            ("1.0123456789abcdef.n1.7..{}".to_owned(), Ignored::Forged),
            ("1.0123456789abcdef.n1.7.é.{}".to_owned(), Ignored::Malformed),
        ];
        for (text, why) in cases {
            assert_eq!(seal().open(&text).map(|_| ()), Err(why), "{text}");
        }
    }

    #[test]
    fn of_a_later_node_what_is_known_is_heard_and_the_rest_is_passed_over() {
        let sealed = |json: &str| {
            let head = "1.0123456789abcdef.n1.7";
            format!("{head}.{}.{json}", URL_SAFE_NO_PAD.encode(&seal().mac(head, json)[..MAC_BYTES]))
        };
        let known = seal().open(&sealed(r#"{"kind":"beat","head":4,"mood":"good"}"#)).unwrap();
        assert!(matches!(known.news, News::Beat { head: 4, draining: false }));
        assert_eq!(seal().open(&sealed(r#"{"kind":"song"}"#)).map(|_| ()), Err(Ignored::Unknown));
        assert_eq!(seal().open(&sealed(r#"{"kind":"beat"}"#)).map(|_| ()), Err(Ignored::Malformed));
    }
}
