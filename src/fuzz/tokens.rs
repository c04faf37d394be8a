//! Tokens that nobody has signed, and signed ones that say anything.

use std::borrow::Cow;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::input::{choice, line};
use super::runtime::wait;
use crate::auth::{Claims, Subject, Tokens};
use crate::config::Auth;
use crate::entity::clock;
use crate::error::Kind;

const SECRET: &str = "a secret for these bytes and for nothing else";
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "chat";

/// The end of the year 9999.
const END_OF_TIME: i64 = 253_402_300_799;

static ANYBODYS: LazyLock<Tokens> = LazyLock::new(|| tokens_of(Auth::default()));
static OURS: LazyLock<Tokens> = LazyLock::new(|| {
    tokens_of(Auth { issuer: Some(ISSUER.to_owned()), audience: Some(AUDIENCE.to_owned()), ..Auth::default() })
});

fn tokens_of(auth: Auth) -> Tokens {
    let auth = Auth { jwt_secret: Some(SECRET.to_owned()), ..auth };
    wait(Tokens::open(&auth, Path::new("/nowhere"))).expect("a secret is all that is needed")
}

/// A token is taken only if it is signed with the one key by the one algorithm, and if what it says is in range. A refusal
/// repeats nothing of it.
pub fn tokens(data: &[u8]) {
    let (mode, rest) = choice(data);
    let token = match mode & 3 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        1 => encoded(line(rest)),
        _ => signed(&encoded(line(rest))),
    };
    assert_judged(&ANYBODYS, &token, false);
    assert_judged(&OURS, &token, true);
    if mode & 3 == 3 {
        // The same with one bit of its signature turned.
        let mut turned = token.into_bytes();
        if let Some(at) = turned.len().checked_sub(2 + usize::from(mode >> 3)) {
            turned[at] ^= 1;
        }
        assert_judged(&ANYBODYS, &String::from_utf8_lossy(&turned), false);
    }
}

fn encoded((header, claims): (&[u8], &[u8])) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn signed(message: &str) -> String {
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature(message)))
}

fn signature(message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key of any length will do");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn assert_judged(tokens: &Tokens, token: &str, is_ours: bool) {
    let before = clock::now();
    match wait(tokens.verify(token)) {
        Ok(claims) => {
            assert!(claims.expires > before && claims.expires.timestamp() <= END_OF_TIME, "{claims:?}");
            assert_is_true(token, &claims, is_ours);
        }
        Err(refused) => {
            assert_eq!(refused.kind, Kind::Unauthenticated);
            assert!(matches!(refused.message, Cow::Borrowed(_)), "a sentence that is known beforehand");
        }
    }
}

/// Reads the token anew.
fn assert_is_true(token: &str, claims: &Claims, is_ours: bool) {
    let (message, given) = token.rsplit_once('.').expect("a token has three parts");
    assert_eq!(URL_SAFE_NO_PAD.decode(given).ok(), Some(signature(message)), "{token}");
    let parts: Vec<Value> = message.split('.').map(read).collect();
    let [header, payload] = &parts[..] else { panic!("{token}") };
    assert_eq!(header["alg"], "HS256");
    assert!(header.get("crit").is_none_or(Value::is_null), "{header}");
    let Subject::Number(number) = claims.user else { panic!("users are numbers here: {claims:?}") };
    assert!((1..1 << 53).contains(&number));
    assert!(payload["sub"] == number || payload["sub"] == *number.to_string(), "{payload}");
    assert!(payload["exp"].is_number(), "{payload}");
    assert!(payload["nbf"].as_i64().is_none_or(|from| from <= clock::now().timestamp() + 30), "{payload}");
    if is_ours {
        let is_for_us = |audience: &Value| audience == AUDIENCE;
        let audiences = payload["aud"].as_array();
        assert_eq!(payload["iss"], ISSUER);
        assert!(is_for_us(&payload["aud"]) || audiences.is_some_and(|all| all.iter().any(is_for_us)), "{payload}");
    }
}

fn read(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("what was taken is base64");
    serde_json::from_slice(&bytes).expect("what was taken is JSON")
}
