//! The pass that a request carries which one node sends on to another: by it the other one knows that no client made it up.
//! It does not know what is asked, nor how a request is sent on.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::frame::NodeId;

/// How far the clocks of two nodes, and the way between them, may be apart.
const PASS_SECONDS: i64 = 30;
/// Bytes of a MAC.
const MAC_BYTES: usize = 16;

/// What a pass is made for.
#[derive(Debug, Clone, Copy)]
pub struct Passed<'r> {
    pub method: &'r str,
    /// With the query.
    pub path: &'r str,
    /// Whom the request comes from, as the node says that sends it on.
    pub client: &'r str,
}

/// Makes and checks the passes of one database.
#[derive(Clone)]
pub struct Passes(Hmac<Sha256>);

impl Passes {
    /// Under the key of a database.
    pub fn new(secret: &[u8]) -> Self {
        let mut derived = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        derived.update(b"requests between nodes");
        Self(Hmac::new_from_slice(&derived.finalize().into_bytes()).expect("HMAC takes keys of any length"))
    }

    /// A pass: `NODE.SECONDS.MAC`, the MAC of all that it is made for.
    pub fn make(&self, node: &NodeId, passed: Passed<'_>, now: DateTime<Utc>) -> String {
        let head = format!("{node}.{}", now.timestamp());
        let mac = self.mac(&head, passed).finalize().into_bytes();
        format!("{head}.{}", URL_SAFE_NO_PAD.encode(&mac[..MAC_BYTES]))
    }

    /// Whether a pass was made for this by a node of the database, a moment ago.
    pub fn is_good(&self, pass: &str, passed: Passed<'_>, now: DateTime<Utc>) -> bool {
        let Some((head, mac)) = pass.rsplit_once('.') else { return false };
        let made = head.split_once('.').and_then(|(_, seconds)| seconds.parse::<i64>().ok());
        if made.is_none_or(|made| made.abs_diff(now.timestamp()) > PASS_SECONDS.unsigned_abs()) {
            return false;
        }
        let given = URL_SAFE_NO_PAD.decode(mac).unwrap_or_default();
        given.len() == MAC_BYTES && self.mac(head, passed).verify_truncated_left(&given).is_ok()
    }

    fn mac(&self, head: &str, Passed { method, path, client }: Passed<'_>) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        // None of them has a line break.
        for part in [head, method, client, path] {
            mac.update(part.as_bytes());
            mac.update(b"\n");
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSED: Passed<'_> = Passed { method: "POST", path: "/ws/chat/1/a/xhr?token=t", client: "203.0.114.7" };

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_pass_is_good_for_what_it_was_made_for_and_for_half_a_minute() {
        let passes = Passes::new(b"a key");
        let pass = passes.make(&"n1".to_owned(), PASSED, at(1_000));
        for (now, good) in [(970, true), (1_000, true), (1_030, true), (1_031, false), (969, false)] {
            assert_eq!(passes.is_good(&pass, PASSED, at(now)), good, "{now}");
        }
        for other in [
            Passed { method: "GET", ..PASSED },
            Passed { path: "/ws/chat/1/a/xhr_send?token=t", ..PASSED },
            Passed { path: "/ws/chat/1/a/xhr", ..PASSED },
            Passed { client: "203.0.114.8", ..PASSED },
            Passed { client: "", ..PASSED },
        ] {
            assert!(!passes.is_good(&pass, other, at(1_000)), "{other:?}");
        }
    }

    #[test]
    fn what_no_node_of_this_database_made_is_no_pass() {
        let passes = Passes::new(b"a key");
        let pass = passes.make(&"n1".to_owned(), PASSED, at(1_000));
        let foreign = Passes::new(b"another").make(&"n1".to_owned(), PASSED, at(1_000));
        let later = pass.replace(".1000.", ".1001.");
        let renamed = pass.replacen("n1", "n2", 1);
        let cut = pass[..pass.len() - 2].to_owned();
        for pass in [foreign, later, renamed, cut, String::new(), ".".to_owned(), "n1.1000.".to_owned()] {
            assert!(!passes.is_good(&pass, PASSED, at(1_000)), "{pass}");
        }
    }
}
