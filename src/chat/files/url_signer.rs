//! Signed links: whoever holds one opens one part of one file for five to ten minutes, without any header. The key stands
//! in the database, so that links hold on every node and beyond a restart.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sha2::Sha256;

use crate::entity::clock;
use crate::id::FileId;
use crate::store::Store;

/// Signs links to files and checks them.
#[derive(Clone)]
pub struct UrlSigner {
    key: Hmac<Sha256>,
    /// What links begin with: the address that clients know the server by, or nothing.
    base: Arc<str>,
}

/// What a link opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Content,
    Thumbnail,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Content => "content",
            Part::Thumbnail => "thumbnail",
        }
    }
}

/// Seconds that a link lives at least, and that its end is rounded up to, so that a file keeps its address for a while and
/// whoever shows it again has it already (protocol §13, files).
const MIN_LIFETIME_SECONDS: i64 = 300;

impl UrlSigner {
    /// UrlSigner under the key of this database. Its links are absolute where it is told the public address of the server.
    ///
    /// # Errors
    /// Those of reading it.
    pub async fn open(store: &Store, public_url: Option<&str>) -> Result<Self, DbErr> {
        let db = &store.reader();
        let sql = "SELECT link_key FROM chat_log WHERE id = 1";
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        let key: String =
            row.ok_or_else(|| DbErr::Custom("chat_log has lost its row".into()))?.try_get("", "link_key")?;
        if key.len() < 64 {
            return Err(DbErr::Custom("chat_log has lost the key of its links".into()));
        }
        Ok(Self::new(key.as_bytes(), public_url))
    }

    pub(crate) fn new(secret: &[u8], public_url: Option<&str>) -> Self {
        let key = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Self { key, base: public_url.unwrap_or_default().trim_end_matches('/').into() }
    }

    /// A link that is told now. Those of one part that are told within the same five minutes are the same.
    pub fn sign(&self, id: FileId, part: Part, now: DateTime<Utc>) -> String {
        let period = 1_000 * MIN_LIFETIME_SECONDS;
        let periods = (now.timestamp_millis() + period - 1).div_euclid(period);
        let expires = (periods + 1) * MIN_LIFETIME_SECONDS;
        let signature = URL_SAFE_NO_PAD.encode(self.mac(id, part, expires).finalize().into_bytes());
        format!("{}/api/files/{id}/{}?expires={expires}&signature={signature}", self.base, part.name())
    }

    /// How long a link with these values still lives; none for one that was not signed here or is over. Takes as long for
    /// any signature.
    pub fn verify(&self, id: FileId, part: Part, expires: &str, signature: &str) -> Option<Duration> {
        let (expires, signature) = (expires.parse::<i64>().ok()?, URL_SAFE_NO_PAD.decode(signature).ok()?);
        self.mac(id, part, expires).verify_slice(&signature).ok()?;
        u64::try_from(expires - clock::now().timestamp()).ok().map(Duration::from_secs)
    }

    fn mac(&self, id: FileId, part: Part, expires: i64) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(format!("{id}.{}.{expires}", part.name()).as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    /// The values of a link's query.
    fn values(link: &str) -> (String, String) {
        let (_, query) = link.split_once("?expires=").unwrap();
        let (expires, signature) = query.split_once("&signature=").unwrap();
        (expires.to_owned(), signature.to_owned())
    }

    #[test]
    fn a_link_opens_its_own_part_of_its_own_file_until_its_end() {
        let signer = UrlSigner::new(b"a key", None);
        let (seven, now) = (FileId::stored(7), clock::now());
        let (expires, signature) = values(&signer.sign(seven, Part::Content, now));
        let left = signer.verify(seven, Part::Content, &expires, &signature).unwrap();
        assert!((299..=600).contains(&left.as_secs()), "{left:?}");
        assert_eq!(signer.verify(FileId::stored(8), Part::Content, &expires, &signature), None);
        assert_eq!(signer.verify(seven, Part::Thumbnail, &expires, &signature), None);
        assert_eq!(UrlSigner::new(b"another", None).verify(seven, Part::Content, &expires, &signature), None);
        let later = (expires.parse::<i64>().unwrap() + 1).to_string();
        assert_eq!(signer.verify(seven, Part::Content, &later, &signature), None);
        for bad in ["", "AAAA", "*", &signature[1..]] {
            assert_eq!(signer.verify(seven, Part::Content, &expires, bad), None, "{bad}");
        }
        let over = signer.sign(seven, Part::Content, now - TimeDelta::seconds(2 * MIN_LIFETIME_SECONDS + 2));
        let (expires, signature) = values(&over);
        assert_eq!(signer.verify(seven, Part::Content, &expires, &signature), None);
    }

    #[test]
    fn a_file_keeps_its_link_for_five_minutes_and_each_lives_as_long() {
        let signer = UrlSigner::new(b"a key", Some("https://chat.example.org/chat/"));
        let end = |millis: i64| {
            let link = signer.sign(FileId::stored(7), Part::Content, DateTime::from_timestamp_millis(millis).unwrap());
            assert!(link.starts_with("https://chat.example.org/chat/api/files/7/content?expires="), "{link}");
            values(&link).0.parse::<i64>().unwrap()
        };
        let ends = [(0, 300), (1, 600), (299_999, 600), (300_000, 600), (300_001, 900), (600_000, 900)];
        for (millis, expected) in ends {
            assert_eq!(end(millis), expected, "{millis}");
        }
    }
}
