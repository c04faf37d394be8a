//! Tests of the kinds of keys, of their algorithms, and of the claims that the settings name.

use std::path::Path;
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::{Subject, Tokens};
use crate::config::{Auth, SecretEncoding};
use crate::entity::clock;

const SECRET: &str = "a secret for these tests and for nothing else";
const RSA: &str = include_str!("../../tests/keys/rsa.pem");
const RSA_PUBLIC: &str = include_str!("../../tests/keys/rsa-public.pem");
const RSA_CERTIFICATE: &str = include_str!("../../tests/keys/rsa-certificate.pem");
const EC: &str = include_str!("../../tests/keys/ec.pem");
const EC_PUBLIC: &str = include_str!("../../tests/keys/ec-public.pem");
const EC_P384: &str = include_str!("../../tests/keys/ec-p384.pem");
const EC_P384_PUBLIC: &str = include_str!("../../tests/keys/ec-p384-public.pem");
const ED: &str = include_str!("../../tests/keys/ed.pem");
const ED_PUBLIC: &str = include_str!("../../tests/keys/ed-public.pem");

const HS: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const RSAS: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

async fn open(auth: Auth) -> anyhow::Result<Tokens> {
    Tokens::open(&auth, Path::new("/nowhere")).await
}

async fn with_secret(change: impl FnOnce(&mut Auth)) -> Tokens {
    let mut auth = Auth { jwt_secret: Some(SECRET.to_owned()), ..Auth::default() };
    change(&mut auth);
    open(auth).await.unwrap()
}

async fn with_pem(pem: &str) -> anyhow::Result<Tokens> {
    open(Auth { public_key: Some(pem.to_owned()), ..Auth::default() }).await
}

fn private(pem: &str) -> EncodingKey {
    let bytes = pem.as_bytes();
    match pem {
        RSA => EncodingKey::from_rsa_pem(bytes).unwrap(),
        ED => EncodingKey::from_ed_pem(bytes).unwrap(),
        _ => EncodingKey::from_ec_pem(bytes).unwrap(),
    }
}

fn signed(key: &EncodingKey, algorithm: Algorithm) -> String {
    let claims = json!({ "sub": "5", "exp": clock::now().timestamp() + 60 });
    encode(&Header::new(algorithm), &claims, key).unwrap()
}

async fn refusal(tokens: &Tokens, token: &str) -> String {
    tokens.verify(token).await.unwrap_err().message.into_owned()
}

#[tokio::test]
async fn a_key_takes_the_algorithms_of_its_kind_and_no_other() {
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let tokens = with_secret(|_| {}).await;
    for algorithm in HS {
        assert_eq!(tokens.verify(&signed(&secret, algorithm)).await.unwrap().user, Subject::Number(5), "{algorithm:?}");
    }
    for (pem, public, algorithms) in [
        (RSA, RSA_PUBLIC, RSAS.as_slice()),
        (RSA, RSA_CERTIFICATE, &RSAS),
        (EC, EC_PUBLIC, &[Algorithm::ES256]),
        (EC_P384, EC_P384_PUBLIC, &[Algorithm::ES384]),
        (ED, ED_PUBLIC, &[Algorithm::EdDSA]),
    ] {
        let key = private(pem);
        let mut jwk = Jwk::from_encoding_key(&key, algorithms[0]).unwrap();
        jwk.common.key_algorithm = None;
        let file = std::env::temp_dir().join(format!("confab-kinds-{}.json", uuid::Uuid::new_v4()));
        std::fs::write(&file, json!({ "keys": [jwk] }).to_string()).unwrap();
        let jwks = Auth { jwks: Some(file.display().to_string()), ..Auth::default() };
        for tokens in [with_pem(public).await.unwrap(), open(jwks).await.unwrap()] {
            for algorithm in algorithms {
                assert_eq!(
                    tokens.verify(&signed(&key, *algorithm)).await.unwrap().user,
                    Subject::Number(5),
                    "{algorithm:?}"
                );
            }
            // The public key, taken for a secret, is none.
            for algorithm in HS {
                let forged = signed(&EncodingKey::from_secret(public.as_bytes()), algorithm);
                assert_eq!(refusal(&tokens, &forged).await, Refusal::Algorithm.sentence());
            }
        }
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn the_settings_may_take_fewer_algorithms_and_never_more() {
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let tokens = with_secret(|auth| auth.algorithms = vec![Algorithm::RS256, Algorithm::HS512]).await;
    assert_eq!(refusal(&tokens, &signed(&secret, Algorithm::HS256)).await, Refusal::Algorithm.sentence());
    assert_eq!(refusal(&tokens, &signed(&private(RSA), Algorithm::RS256)).await, Refusal::Algorithm.sentence());
    tokens.verify(&signed(&secret, Algorithm::HS512)).await.unwrap();
    // What the server signs itself it takes itself.
    tokens.verify(&tokens.issue(1, None, false, Duration::from_secs(60)).unwrap()).await.unwrap();
    let algorithms = vec![Algorithm::RS256];
    let auth = Auth { jwt_secret: Some(SECRET.to_owned()), algorithms, ..Auth::default() };
    let refused = open(auth).await.err().unwrap().to_string();
    assert!(refused.starts_with("auth.algorithms names none"), "{refused}");
}

#[tokio::test]
async fn several_public_keys_stand_in_one_text_or_file() {
    let both = format!("{ED_PUBLIC}\n{RSA_PUBLIC}{EC_PUBLIC}");
    let file = std::env::temp_dir().join(format!("confab-kinds-{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&file, &both).unwrap();
    for source in [both, file.display().to_string()] {
        let tokens = with_pem(&source).await.unwrap();
        for (pem, algorithm) in [(RSA, Algorithm::PS256), (ED, Algorithm::EdDSA), (EC, Algorithm::ES256)] {
            tokens.verify(&signed(&private(pem), algorithm)).await.unwrap();
        }
        assert_eq!(refusal(&tokens, &signed(&private(EC_P384), Algorithm::ES384)).await, Refusal::Algorithm.sentence());
        assert!(tokens.issue(1, None, false, Duration::from_secs(60)).is_err());
    }
    std::fs::remove_file(file).unwrap();
    for (bad, why) in [
        (RSA, "private key"),
        ("/nowhere/key.pem", "cannot be read from /nowhere/key.pem"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "no public key"),
    ] {
        let refused = format!("{:#}", with_pem(bad).await.err().unwrap());
        assert!(refused.contains("auth.public_key") && refused.contains(why), "{refused}");
    }
}

#[tokio::test]
async fn a_secret_may_be_written_in_base64_of_either_alphabet() {
    let bytes: Vec<u8> = (0..64).map(|n| 255 - n).collect();
    let token = signed(&EncodingKey::from_secret(&bytes), Algorithm::HS512);
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    for text in [
        STANDARD.encode(&bytes),
        STANDARD_NO_PAD.encode(&bytes),
        URL_SAFE.encode(&bytes),
        format!("{}\n", URL_SAFE_NO_PAD.encode(&bytes)),
    ] {
        let encoding = SecretEncoding::Base64;
        let auth = Auth { jwt_secret: Some(text.clone()), jwt_secret_encoding: encoding, ..Auth::default() };
        open(auth).await.unwrap().verify(&token).await.unwrap();
        let auth = Auth { jwt_secret: Some(text), ..Auth::default() };
        assert_eq!(refusal(&open(auth).await.unwrap(), &token).await, "The token is not valid");
    }
}

#[tokio::test]
async fn secrets_of_before_are_believed_and_sign_nothing() {
    let (old, older) = ("the one of before, which is no shorter", "the one before that, which is long enough");
    let tokens = with_secret(|auth| auth.previous_secrets = vec![old.to_owned(), older.to_owned()]).await;
    for secret in [SECRET, old, older] {
        tokens.verify(&signed(&EncodingKey::from_secret(secret.as_bytes()), Algorithm::HS384)).await.unwrap();
    }
    let stranger = EncodingKey::from_secret(b"another one, which nobody has ever set");
    assert_eq!(refusal(&tokens, &signed(&stranger, Algorithm::HS256)).await, "The token is not valid");
    let issued = tokens.issue(1, None, false, Duration::from_secs(60)).unwrap();
    with_secret(|_| {}).await.verify(&issued).await.unwrap();
    assert_eq!(tokens.fingerprints().len(), 3);
    assert_eq!(tokens.fingerprints()[0], with_secret(|_| {}).await.fingerprints()[0]);
}

fn of(mut claims: Value) -> String {
    claims["exp"] = json!(clock::now().timestamp() + 60);
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

#[tokio::test]
async fn claims_stand_where_the_settings_say() {
    let tokens = with_secret(|auth| {
        auth.user_claim = "account.id".to_owned();
        auth.name_claim = vec!["https://example.org/name".to_owned(), "profile.full.name".to_owned()];
        auth.picture_claim = "profile.picture".to_owned();
        auth.roles_claim = "realm_access.roles".to_owned();
        auth.admin_role = "chat-admin".to_owned();
    })
    .await;
    let mut claims = json!({
        "sub": "no number", "account": { "id": 7 }, "https://example.org/name": " ",
        "profile": { "full.name": "Eve", "picture": "https://p.example/e.png" },
        "realm_access": { "roles": ["user", "chat-admin"] }, "roles": ["admin"],
    });
    let read = tokens.verify(&of(claims.clone())).await.unwrap();
    assert_eq!((read.user, read.name.as_deref(), read.admin), (Subject::Number(7), Some("Eve"), true));
    assert_eq!(read.picture.as_deref(), Some("https://p.example/e.png"));
    claims["realm_access"] = json!({ "roles": ["admin"] });
    claims["https://example.org/name"] = json!("Eva");
    let read = tokens.verify(&of(claims.clone())).await.unwrap();
    assert_eq!((read.name.as_deref(), read.admin), (Some("Eva"), false));
    for (account, sentence) in [
        (json!({}), "The token names no user (account.id)"),
        (json!("7"), "The token names no user (account.id)"),
        (json!({ "id": "seven" }), "The user of the token (account.id) is not a positive whole number below 2^53"),
    ] {
        claims["account"] = account;
        assert_eq!(refusal(&tokens, &of(claims.clone())).await, sentence);
    }
    // A name with dots goes before a path.
    claims["account.id"] = json!(8);
    assert_eq!(tokens.verify(&of(claims)).await.unwrap().user, Subject::Number(8));
    let issued = tokens.issue(9, Some("Ida"), true, Duration::from_secs(60)).unwrap();
    let read = tokens.verify(&issued).await.unwrap();
    assert_eq!((read.user, read.name.as_deref(), read.admin), (Subject::Number(9), Some("Ida"), true));
}

#[tokio::test]
async fn without_a_name_the_next_best_is_taken() {
    let tokens = with_secret(|_| {}).await;
    for (claims, name) in [
        (json!({ "sub": 1, "name": "A", "preferred_username": "B", "nickname": "C" }), Some("A")),
        (json!({ "sub": 1, "name": "", "preferred_username": "B", "nickname": "C" }), Some("B")),
        (json!({ "sub": 1, "preferred_username": 5, "nickname": "C" }), Some("C")),
        (json!({ "sub": 1, "email": "d@example.org" }), None),
    ] {
        assert_eq!(tokens.verify(&of(claims)).await.unwrap().name.as_deref(), name);
    }
}

#[tokio::test]
async fn roles_of_a_claim_of_ones_own_are_a_list_a_text_of_words_or_true() {
    for (claim, value, is_admin) in [
        ("scope", json!("openid chat:admin"), true),
        ("scope", json!("openid chat:admins"), false),
        ("scope", json!(["chat:admin"]), true),
        ("admin", json!(true), true),
        ("admin", json!(false), false),
        ("admin", json!("true"), false),
        ("roles", json!(["chat:admin"]), true),
        ("roles", json!("chat:admin"), false),
        ("roles", json!(true), false),
    ] {
        let tokens = with_secret(|auth| {
            auth.roles_claim = claim.to_owned();
            auth.admin_role = "chat:admin".to_owned();
        })
        .await;
        let mut claims = json!({ "sub": 1 });
        claims[claim] = value.clone();
        assert_eq!(tokens.verify(&of(claims)).await.unwrap().admin, is_admin, "{claim}: {value}");
    }
}
