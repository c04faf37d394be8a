//! Signed links: whoever holds one opens one part of one file for five minutes, without any header. The key stands
//! in the database, so that links hold on every node and beyond a restart.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
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

/// How long a link lives (protocol §12, files).
const URL_LIFETIME: TimeDelta = TimeDelta::minutes(5);

impl UrlSigner {
    /// UrlSigner under the key of this database.
    ///
    /// # Errors
    /// Those of reading it.
    pub async fn open(store: &Store) -> Result<Self, DbErr> {
        let db = &store.reader();
        let sql = "SELECT link_key FROM chat_log WHERE id = 1";
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        let key: String =
            row.ok_or_else(|| DbErr::Custom("chat_log has lost its row".into()))?.try_get("", "link_key")?;
        if key.len() < 64 {
            return Err(DbErr::Custom("chat_log has lost the key of its links".into()));
        }
        Ok(Self::new(key.as_bytes()))
    }

    fn new(secret: &[u8]) -> Self {
        let key = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Self { key }
    }

    pub fn sign(&self, id: FileId, part: Part, now: DateTime<Utc>) -> String {
        let expires = (now + URL_LIFETIME).timestamp();
        let signature = URL_SAFE_NO_PAD.encode(self.mac(id, part, expires).finalize().into_bytes());
        format!("/api/files/{id}/{}?expires={expires}&signature={signature}", part.name())
    }

    /// Whether a link with these values was signed here and is not over. Takes as long for any signature.
    pub fn verify(&self, id: FileId, part: Part, expires: &str, signature: &str) -> bool {
        let (Ok(expires), Ok(signature)) = (expires.parse::<i64>(), URL_SAFE_NO_PAD.decode(signature)) else {
            return false;
        };
        let is_ours = self.mac(id, part, expires).verify_slice(&signature).is_ok();
        is_ours && clock::now().timestamp() <= expires
    }

    fn mac(&self, id: FileId, part: Part, expires: i64) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(format!("{id}.{}.{expires}", part.name()).as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of a link's query.
    fn values(link: &str) -> (String, String) {
        let (_, query) = link.split_once("?expires=").unwrap();
        let (expires, signature) = query.split_once("&signature=").unwrap();
        (expires.to_owned(), signature.to_owned())
    }

    #[test]
    fn a_link_opens_its_own_part_of_its_own_file_for_five_minutes() {
        let signer = UrlSigner::new(b"a key");
        let (seven, now) = (FileId::stored(7), clock::now());
        let (expires, signature) = values(&signer.sign(seven, Part::Content, now));
        assert!(signer.verify(seven, Part::Content, &expires, &signature));
        assert!(!signer.verify(FileId::stored(8), Part::Content, &expires, &signature));
        assert!(!signer.verify(seven, Part::Thumbnail, &expires, &signature));
        assert!(!UrlSigner::new(b"another").verify(seven, Part::Content, &expires, &signature));
        let later = (expires.parse::<i64>().unwrap() + 1).to_string();
        assert!(!signer.verify(seven, Part::Content, &later, &signature));
        for bad in ["", "AAAA", "*", &signature[1..]] {
            assert!(!signer.verify(seven, Part::Content, &expires, bad), "{bad}");
        }
        let (expires, signature) =
            values(&signer.sign(seven, Part::Content, now - URL_LIFETIME - TimeDelta::seconds(2)));
        assert!(!signer.verify(seven, Part::Content, &expires, &signature));
    }
}
