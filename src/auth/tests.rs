//! What tokens must and must not say, and keys that come, go and are not there.
//! The keys in `tests/keys` were made for these tests, nothing else knows them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use axum::routing::get;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::Jwk;
use serde_json::{Value, json};

use super::jwks::Jwks;
use super::*;
use crate::entity::clock;
use crate::error::Kind;

const SECRET: &str = "a secret for these tests and for nothing else";

const RSA: &str = include_str!("../../tests/keys/rsa.pem");
const RSA_PUBLIC: &str = include_str!("../../tests/keys/rsa-public.pem");
const EC: &str = include_str!("../../tests/keys/ec.pem");
const ED: &str = include_str!("../../tests/keys/ed.pem");
const ED_NEXT: &str = include_str!("../../tests/keys/ed-next.pem");

fn now() -> i64 {
    clock::now().timestamp()
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("confab-auth-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn with_secret() -> Tokens {
    let auth = Auth { jwt_secret: Some(SECRET.to_owned()), ..Auth::default() };
    Tokens::open(&auth, Path::new("/nowhere")).await.unwrap()
}

/// Three parts in base64, signed with the test secret whatever the header says.
fn raw(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn hs256(claims: &str) -> String {
    raw(r#"{"typ":"JWT","alg":"HS256"}"#, claims)
}

async fn refusal(tokens: &Tokens, token: &str) -> String {
    let error = tokens.verify(token).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unauthenticated);
    error.message.into_owned()
}

#[tokio::test]
async fn what_is_issued_is_believed() {
    let tokens = with_secret().await;
    let token = tokens.issue(7, Some("Grace"), true, Duration::from_secs(60)).unwrap();
    let claims = tokens.verify(&token).await.unwrap();
    assert_eq!((claims.user, claims.name.as_deref(), claims.admin), (Subject::Number(7), Some("Grace"), true));
    assert!((now() + 88..=now() + 90).contains(&claims.expires.timestamp()));
    let plain = tokens.issue(8, None, false, Duration::from_secs(60)).unwrap();
    let plain = tokens.verify(&plain).await.unwrap();
    assert_eq!((plain.user, plain.name, plain.picture, plain.admin), (Subject::Number(8), None, None, false));
    for user in [0, -1, 1 << 53, i64::MAX] {
        assert!(tokens.issue(user, None, false, Duration::from_secs(60)).is_err());
    }
}

#[tokio::test]
async fn issuer_and_audience_are_issued_and_required_once_configured() {
    let auth = Auth {
        jwt_secret: Some(SECRET.to_owned()),
        issuer: Some("https://id.example".to_owned()),
        audience: Some("chat".to_owned()),
        ..Auth::default()
    };
    let tokens = Tokens::open(&auth, Path::new("/nowhere")).await.unwrap();
    tokens.verify(&tokens.issue(1, None, false, Duration::from_secs(60)).unwrap()).await.unwrap();
    let exp = now() + 60;
    let token = |rest: &str| hs256(&format!(r#"{{"sub":1,"exp":{exp}{rest}}}"#));
    tokens.verify(&token(r#","iss":"https://id.example","aud":["mail","chat"]"#)).await.unwrap();
    let (issuer, audience) = (Refusal::Issuer.sentence(), Refusal::Audience.sentence());
    for (bad, sentence) in [
        (r#","iss":"https://id.example""#, audience),
        (r#","aud":"chat""#, issuer),
        (r#","iss":"https://evil.example","aud":"chat""#, issuer),
        (r#","iss":"https://id.example","aud":"mail""#, audience),
        (r#","iss":"https://id.example","aud":[]"#, audience),
        (r#","iss":"https://id.example","aud":{"chat":1}"#, audience),
        (r#","iss":"https://id.example","aud":["chat",1]"#, audience),
        (r#","iss":["https://id.example"],"aud":"chat""#, issuer),
    ] {
        assert_eq!(refusal(&tokens, &token(bad)).await, sentence, "{bad}");
    }
    for bad in ["", r#","iss":null,"aud":null"#] {
        assert!([issuer, audience].contains(&refusal(&tokens, &token(bad)).await.as_str()), "{bad}");
    }
}

#[tokio::test]
async fn a_token_is_utf_8_where_nobody_reads_it_too() {
    let tokens = with_secret().await;
    let header = r#"{"alg":"HS256","x":"?"}"#;
    let claims = format!(r#"{{"sub":1,"exp":{},"x":"?"}}"#, now() + 60);
    assert!(tokens.verify(&raw(header, &claims)).await.is_ok());
    let broken = |text: &str| text.bytes().map(|byte| if byte == b'?' { 0xff } else { byte }).collect::<Vec<_>>();
    for token in [raw(broken(header), &claims), raw(header, broken(&claims))] {
        assert_eq!(refusal(&tokens, &token).await, Refusal::Malformed.sentence());
    }
}

#[tokio::test]
async fn the_algorithm_is_never_the_tokens_choice() {
    let tokens = with_secret().await;
    let claims = format!(r#"{{"sub":"1","exp":{}}}"#, now() + 60);
    for alg in ["none", "NoNe", "HS384", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA", "hs256", ""] {
        // What is signed by HS256 is no signature by HS384 either.
        let token = raw(format!(r#"{{"alg":"{alg}"}}"#), &claims);
        let is_known = ["RS256", "PS256", "ES256", "ES384", "EdDSA"].contains(&alg);
        let why = if is_known { Refusal::Algorithm } else { Refusal::Malformed };
        assert_eq!(refusal(&tokens, &token).await, why.sentence(), "{alg}");
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        assert_eq!(refusal(&tokens, &unsigned).await, why.sentence(), "{alg}");
    }
    let critical = raw(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, &claims);
    assert_eq!(refusal(&tokens, &critical).await, "The token is not valid");
    let signed_otherwise = encode(
        &Header::new(Algorithm::HS256),
        &json!({"sub": "1", "exp": now() + 60}),
        &EncodingKey::from_secret(b"another secret of more than 32 bytes"),
    );
    assert_eq!(refusal(&tokens, &signed_otherwise.unwrap()).await, "The token is not valid");
    tokens.verify(&hs256(&claims)).await.unwrap();
}

#[tokio::test]
async fn times_are_required_and_must_be_numbers() {
    let tokens = with_secret().await;
    for (claims, sentence) in [
        (r#""x":1"#.to_owned(), Refusal::NoExpiry.sentence()),
        (r#""exp":null"#.to_owned(), Refusal::NoExpiry.sentence()),
        (r#""exp":"never""#.to_owned(), Refusal::ExpiryForm.sentence()),
        (r#""exp":true"#.to_owned(), Refusal::ExpiryForm.sentence()),
        (format!(r#""exp":"{}""#, now() + 60), Refusal::ExpiryForm.sentence()),
        (r#""exp":1e400"#.to_owned(), "The token is not valid"),
        (r#""exp":-1"#.to_owned(), "The token has expired"),
        (format!(r#""exp":{0},"exp":{0}"#, now() + 60), "The token is not valid"),
        (format!(r#""exp":{},"nbf":"9999999999""#, now() + 60), "The token is not valid"),
        (format!(r#""exp":{},"nbf":"1""#, now() + 60), "The token is not valid"),
        (format!(r#""exp":{},"nbf":[]"#, now() + 60), "The token is not valid"),
        (format!(r#""exp":{},"nbf":{}"#, now() + 200_000, now() + 86_400), "The token is not valid yet"),
        (format!(r#""exp":{}"#, now() - 31), "The token has expired"),
        (r#""exp":0"#.to_owned(), "The token has expired"),
    ] {
        assert_eq!(refusal(&tokens, &hs256(&format!(r#"{{"sub":"1",{claims}}}"#))).await, sentence, "{claims}");
    }
    for claims in [
        format!(r#""exp":{}"#, now() - 25),
        format!(r#""exp":{}.5"#, now() + 60),
        format!(r#""exp":{},"nbf":{}"#, now() + 60, now() + 25),
        format!(r#""exp":{},"nbf":0.5"#, now() + 60),
    ] {
        tokens.verify(&hs256(&format!(r#"{{"sub":"1",{claims}}}"#))).await.unwrap();
    }
    for far in ["253402300799", "9223372036854775807", "18446744073709551615", "1e19"] {
        let claims = tokens.verify(&hs256(&format!(r#"{{"sub":"1","exp":{far}}}"#))).await.unwrap();
        assert_eq!(claims.expires.to_rfc3339(), "9999-12-31T23:59:59+00:00");
    }
    let token = tokens.issue(1, None, false, Duration::MAX).unwrap();
    assert_eq!(tokens.verify(&token).await.unwrap().expires.to_rfc3339(), "9999-12-31T23:59:59+00:00");
}

#[tokio::test]
async fn the_subject_is_an_id_in_digits() {
    let tokens = with_secret().await;
    let token = |sub: &str| hs256(&format!(r#"{{"sub":{sub},"exp":{}}}"#, now() + 60));
    for (sub, user) in
        [("1", 1), (r#""1""#, 1), (r#""9007199254740991""#, (1 << 53) - 1), ("9007199254740991", (1 << 53) - 1)]
    {
        assert_eq!(tokens.verify(&token(sub)).await.unwrap().user, Subject::Number(user));
    }
    for sub in [
        r#""0""#,
        "0",
        r#""-1""#,
        "-1",
        r#""+1""#,
        r#""1e3""#,
        "1e3",
        "1.0",
        r#"" 1""#,
        r#""1 ""#,
        r#""01""#,
        r#""９""#,
        r#""""#,
        r#""alice""#,
        r#""0x1""#,
        "9007199254740992",
        r#""9007199254740992""#,
        "9223372036854775808",
        r#""9223372036854775808""#,
        r#""99999999999999999999999999""#,
        r#""1f0c8a52-7d0e-4c4e-9a55-0d8f8f4b6c1a""#,
        "true",
    ] {
        assert_eq!(refusal(&tokens, &token(sub)).await, Refusal::UserForm.sentence(), "{sub}");
    }
    // What the library cannot even read it does not tell apart.
    for sub in [r#"["1"]"#, r#"{"id":1}"#] {
        assert_eq!(refusal(&tokens, &token(sub)).await, "The token is not valid", "{sub}");
    }
    let without = hs256(&format!(r#"{{"exp":{}}}"#, now() + 60));
    for nobody in [without, token("null")] {
        assert_eq!(refusal(&tokens, &nobody).await, Refusal::NoUser.sentence());
    }
}

#[tokio::test]
async fn only_an_array_of_roles_with_admin_makes_an_administrator() {
    let tokens = with_secret().await;
    for (rest, admin) in [
        (r#""roles":["user","admin"]"#, true),
        (r#""roles":[]"#, false),
        (r#""roles":["Admin","administrator"]"#, false),
        (r#""roles":"admin""#, false),
        (r#""roles":{"admin":true}"#, false),
        (r#""roles":[["admin"]]"#, false),
        (r#""admin":true"#, false),
    ] {
        let token = hs256(&format!(r#"{{"sub":"1","exp":{},{rest}}}"#, now() + 60));
        assert_eq!(tokens.verify(&token).await.unwrap().admin, admin, "{rest}");
    }
    let token = hs256(&format!(r#"{{"sub":"1","exp":{},"name":5,"picture":"https://p.example/a.png"}}"#, now() + 60));
    let claims = tokens.verify(&token).await.unwrap();
    assert_eq!((claims.name, claims.picture.as_deref()), (None, Some("https://p.example/a.png")));
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let tokens = with_secret().await;
    assert_eq!(refusal(&tokens, "").await, "A token is needed");
    let good = tokens.issue(1, None, false, Duration::from_secs(60)).unwrap();
    let long = tokens.issue(1, Some(&"x".repeat(MAX_TOKEN_BYTES)), false, Duration::from_secs(60)).unwrap();
    let deep = hs256(&format!(r#"{{"sub":"1","exp":9999999999,"roles":{}1{}}}"#, "[".repeat(2000), "]".repeat(2000)));
    for bad in ["x", "a.b", "..", "a.b.c", &format!("{good}.x"), &format!(" {good}"), &format!("{good}\n"), &deep] {
        assert_eq!(refusal(&tokens, bad).await, "The token is not valid");
    }
    assert_eq!(refusal(&tokens, &long).await, "The token is longer than 16 KiB");
    assert_eq!(refusal(&tokens, &"x".repeat(MAX_TOKEN_BYTES)).await, "The token is not valid", "it is looked at");
}

#[tokio::test]
async fn a_server_without_keys_makes_its_own_secret_and_keeps_it() {
    let folder = folder();
    let token = Tokens::open(&Auth::default(), &folder).await.unwrap().issue(3, None, false, Duration::from_secs(60));
    let again = Tokens::open(&Auth::default(), &folder).await.unwrap();
    assert_eq!(again.verify(&token.unwrap()).await.unwrap().user, Subject::Number(3));
    // What a person copies from the file is the same secret.
    let copied = std::fs::read_to_string(folder.join("jwt.secret")).unwrap().trim().to_owned();
    let auth = Auth { jwt_secret: Some(copied), ..Auth::default() };
    let copied = Tokens::open(&auth, Path::new("/nowhere")).await.unwrap();
    copied.verify(&again.issue(3, None, false, Duration::from_secs(60)).unwrap()).await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_authorization_header_holds_one_token() {
    for good in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c", " Bearer a.b.c "] {
        assert_eq!(bearer(good), Some("a.b.c"), "{good}");
    }
    for bad in ["", "Bearer", "Bearer ", "a.b.c", "Basic a.b.c", "Bearer a b", "Bearer a\tb", "Bearera.b.c", "Bearer é"]
    {
        assert_eq!(bearer(bad), None, "{bad}");
    }
    assert_eq!(bearer_or_bare("Bearer a.b.c"), Some("a.b.c"));
    assert_eq!(bearer_or_bare("a.b.c"), Some("a.b.c"));
    for bad in ["", "Bearer ", "Basic a.b.c", "Bearer a b"] {
        assert_eq!(bearer_or_bare(bad), None, "{bad}");
    }
}

fn signer(pem: &str) -> (EncodingKey, Algorithm) {
    let pem_bytes = pem.as_bytes();
    match pem {
        RSA => (EncodingKey::from_rsa_pem(pem_bytes).unwrap(), Algorithm::RS256),
        EC => (EncodingKey::from_ec_pem(pem_bytes).unwrap(), Algorithm::ES256),
        _ => (EncodingKey::from_ed_pem(pem_bytes).unwrap(), Algorithm::EdDSA),
    }
}

fn jwk(pem: &str, kid: &str) -> Value {
    let (key, algorithm) = signer(pem);
    let mut jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    serde_json::to_value(jwk).unwrap()
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn signed(pem: &str, kid: Option<&str>) -> String {
    let (key, algorithm) = signer(pem);
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, &json!({"sub": "5", "exp": now() + 60}), &key).unwrap()
}

async fn with_file(keys: &[Value]) -> anyhow::Result<Tokens> {
    let folder = folder();
    let path = folder.join("keys.json");
    std::fs::write(&path, set(keys)).unwrap();
    let auth = Auth { jwks: Some(path.display().to_string()), ..Auth::default() };
    let tokens = Tokens::open(&auth, &folder).await;
    std::fs::remove_dir_all(folder).unwrap();
    tokens
}

fn jwks(tokens: &Tokens) -> &Jwks {
    match &tokens.keys {
        Keys::Jwks(jwks) => jwks,
        Keys::Secrets { .. } | Keys::Public { .. } => panic!("These tokens have no JWKS"),
    }
}

/// An identity provider that counts how often it is asked.
struct Provider {
    url: String,
    asked: Arc<AtomicUsize>,
    answer: Arc<std::sync::Mutex<(StatusCode, String)>>,
}

impl Provider {
    async fn start(body: String) -> Provider {
        let (asked, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Mutex::new((StatusCode::OK, body))));
        let (count, held) = (Arc::clone(&asked), Arc::clone(&answer));
        let keys = get(async move || {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (status, body) = held.lock().unwrap().clone();
            (status, [("location", "/moved")], body)
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let routes = axum::Router::new().route("/keys", keys.clone()).route("/moved", keys);
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Provider { url, asked, answer }
    }

    fn answers(&self, status: StatusCode, body: String) {
        *self.answer.lock().unwrap() = (status, body);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn tokens(&self) -> Tokens {
        let auth = Auth { jwks: Some(self.url.clone()), ..Auth::default() };
        Tokens::open(&auth, Path::new("/nowhere")).await.unwrap()
    }
}

#[tokio::test]
async fn a_jwks_checks_rs256_es256_and_eddsa_by_kid() {
    let keys = [jwk(RSA, "rsa"), jwk(EC, "ec"), jwk(ED, "ed"), json!({"kty": "odd"}), json!("nonsense")];
    let tokens = with_file(&keys).await.unwrap();
    for (pem, kid) in [(RSA, "rsa"), (EC, "ec"), (ED, "ed")] {
        assert_eq!(tokens.verify(&signed(pem, Some(kid))).await.unwrap().user, Subject::Number(5), "{kid}");
    }
    for (pem, kid) in [(RSA, Some("ed")), (ED, Some("rsa"))] {
        assert_eq!(refusal(&tokens, &signed(pem, kid)).await, Refusal::Algorithm.sentence());
    }
    for (pem, kid) in [(ED_NEXT, Some("ed")), (ED, None), (ED, Some(""))] {
        assert_eq!(refusal(&tokens, &signed(pem, kid)).await, "The token is not valid");
    }
    let issued = tokens.issue(1, None, false, Duration::from_secs(60)).unwrap_err();
    assert!(issued.to_string().starts_with("Tokens come from the identity provider"));
}

#[tokio::test]
async fn a_token_without_kid_is_checked_with_the_only_key() {
    let tokens = with_file(&[jwk(ED, "ed")]).await.unwrap();
    assert_eq!(tokens.verify(&signed(ED, None)).await.unwrap().user, Subject::Number(5));
    assert_eq!(refusal(&tokens, &signed(ED_NEXT, None)).await, "The token is not valid");
}

#[tokio::test]
async fn a_public_key_is_no_secret_to_sign_with() {
    let tokens = with_file(&[jwk(RSA, "rsa")]).await.unwrap();
    let modulus = URL_SAFE_NO_PAD.decode(jwk(RSA, "rsa")["n"].as_str().unwrap()).unwrap();
    for secret in [RSA_PUBLIC.as_bytes(), RSA_PUBLIC.trim_end().as_bytes(), &modulus] {
        let header = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::HS256) };
        let claims = json!({"sub": "1", "exp": now() + 60});
        let token = encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap();
        assert_eq!(refusal(&tokens, &token).await, Refusal::Algorithm.sentence());
    }
    let (key, _) = signer(RSA);
    for other in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        let header = Header { kid: Some("rsa".to_owned()), ..Header::new(other) };
        let token = encode(&header, &json!({"sub": "1", "exp": now() + 60}), &key).unwrap();
        assert_eq!(refusal(&tokens, &token).await, Refusal::Algorithm.sentence(), "{other:?}");
    }
}

#[tokio::test]
async fn keys_that_are_not_for_signatures_are_left_out() {
    let secret = URL_SAFE_NO_PAD.encode(SECRET);
    let with = |mut key: Value, name: &str, value: Value| {
        key[name] = value;
        key
    };
    let bad = [
        json!({"kty": "oct", "kid": "k", "alg": "HS256", "k": secret}),
        with(jwk(RSA, "k"), "use", "enc".into()),
        with(jwk(RSA, "k"), "key_ops", json!(["encrypt"])),
        with(jwk(RSA, "k"), "alg", "ES256".into()),
        with(jwk(RSA, "k"), "alg", "HS256".into()),
        with(jwk(RSA, "k"), "alg", "RSA-OAEP".into()),
        with(jwk(EC, "k"), "crv", "P-521".into()),
    ];
    for key in bad {
        let refusal_at_start = with_file(std::slice::from_ref(&key)).await.err().unwrap().to_string();
        assert!(refusal_at_start.contains("holds none"), "{key}");
        let tokens = with_file(&[key, jwk(ED, "ed")]).await.unwrap();
        assert_eq!(refusal(&tokens, &signed(RSA, Some("k"))).await, "The token is not valid");
        let symmetric = raw(r#"{"alg":"HS256","kid":"k"}"#, format!(r#"{{"sub":"1","exp":{}}}"#, now() + 60));
        assert_eq!(refusal(&tokens, &symmetric).await, "The token is not valid");
    }
    for good in [with(jwk(RSA, "k"), "use", "sig".into()), with(jwk(RSA, "k"), "key_ops", json!(["verify"]))] {
        with_file(&[good]).await.unwrap().verify(&signed(RSA, Some("k"))).await.unwrap();
    }
}

#[tokio::test]
async fn keys_that_a_token_brings_along_are_ignored() {
    let provider = Provider::start(set(&[jwk(ED_NEXT, "own")])).await;
    let tokens = with_file(&[jwk(ED, "ed")]).await.unwrap();
    let (key, algorithm) = signer(ED_NEXT);
    let own = serde_json::from_value(jwk(ED_NEXT, "own")).unwrap();
    for kid in [None, Some("ed".to_owned()), Some("own".to_owned())] {
        let header = Header {
            kid,
            jku: Some(provider.url.clone()),
            x5u: Some(provider.url.clone()),
            jwk: Some(Jwk::clone(&own)),
            ..Header::new(algorithm)
        };
        let token = encode(&header, &json!({"sub": "1", "exp": now() + 60}), &key).unwrap();
        assert_eq!(refusal(&tokens, &token).await, "The token is not valid");
    }
    assert_eq!(provider.asked(), 0);
}

#[tokio::test]
async fn a_flood_of_unknown_kids_asks_the_provider_once_and_holds_up_nobody() {
    let provider = Provider::start(set(&[jwk(ED, "ed")])).await;
    let tokens = Arc::new(provider.tokens().await);
    assert_eq!(provider.asked(), 1);
    jwks(&tokens).forget_last_load().await;
    let strange: Vec<_> = (0..500)
        .map(|number| {
            let kid = match number {
                0 => "../../dev/null".to_owned(),
                1 => "' OR 1=1 --".to_owned(),
                2 => "k".repeat(10_000),
                _ => uuid::Uuid::new_v4().to_string(),
            };
            let (tokens, token) = (Arc::clone(&tokens), signed(ED_NEXT, Some(&kid)));
            tokio::spawn(async move { refusal(&tokens, &token).await })
        })
        .collect();
    for _ in 0..50 {
        tokens.verify(&signed(ED, Some("ed"))).await.unwrap();
    }
    for refused in strange {
        assert_eq!(refused.await.unwrap(), "The token is not valid");
    }
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn a_key_that_is_known_does_not_wait_while_keys_are_loaded() {
    let provider = Provider::start(set(&[jwk(ED, "ed")])).await;
    let tokens = provider.tokens().await;
    jwks(&tokens).forget_last_load().await;
    let unknown = signed(ED_NEXT, Some("next"));
    let mut waiting = std::pin::pin!(tokens.verify(&unknown));
    let known = signed(ED, Some("ed"));
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("The unknown key waits for the provider"),
        known = tokens.verify(&known) => assert_eq!(known.unwrap().user, Subject::Number(5)),
    }
    assert_eq!(waiting.await.unwrap_err().kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn keys_rotate() {
    let provider = Provider::start(set(&[jwk(ED, "old")])).await;
    let tokens = provider.tokens().await;
    provider.answers(StatusCode::OK, set(&[jwk(ED, "old"), jwk(ED_NEXT, "new")]));
    // Asked a moment ago: not again so soon.
    assert_eq!(refusal(&tokens, &signed(ED_NEXT, Some("new"))).await, "The token is not valid");
    assert_eq!(provider.asked(), 1);
    jwks(&tokens).forget_last_load().await;
    assert_eq!(tokens.verify(&signed(ED_NEXT, Some("new"))).await.unwrap().user, Subject::Number(5));
    assert_eq!(tokens.verify(&signed(ED, Some("old"))).await.unwrap().user, Subject::Number(5));
    assert_eq!(provider.asked(), 2);
    // A withdrawn key is not believed once the set is loaded again.
    provider.answers(StatusCode::OK, set(&[jwk(ED_NEXT, "new")]));
    jwks(&tokens).forget_last_load().await;
    assert_eq!(refusal(&tokens, &signed(ED, Some("old"))).await, "The token is not valid");
    assert_eq!(provider.asked(), 3);
}

#[tokio::test]
async fn somebody_who_hangs_up_does_not_stop_the_load() {
    let provider = Provider::start(set(&[jwk(ED, "old")])).await;
    let tokens = provider.tokens().await;
    provider.answers(StatusCode::OK, set(&[jwk(ED_NEXT, "new")]));
    jwks(&tokens).forget_last_load().await;
    let token = signed(ED_NEXT, Some("new"));
    tokio::time::timeout(Duration::from_millis(1), tokens.verify(&token)).await.unwrap_err();
    assert_eq!(tokens.verify(&token).await.unwrap().user, Subject::Number(5));
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn old_keys_stay_while_the_provider_is_away() {
    let provider = Provider::start(set(&[jwk(ED, "ed")])).await;
    let tokens = provider.tokens().await;
    let larger_than_allowed = format!("{}{}", set(&[jwk(ED_NEXT, "new")]), " ".repeat(1024 * 1024));
    for (status, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        (StatusCode::OK, "not a set".to_owned()),
        (StatusCode::OK, larger_than_allowed),
        (StatusCode::TEMPORARY_REDIRECT, set(&[jwk(ED_NEXT, "new")])),
    ] {
        let asked = provider.asked();
        provider.answers(status, body);
        jwks(&tokens).forget_last_load().await;
        assert_eq!(tokens.verify(&signed(ED, Some("ed"))).await.unwrap().user, Subject::Number(5));
        assert_eq!(refusal(&tokens, &signed(ED_NEXT, Some("new"))).await, "The token is not valid");
        // Once: the redirect is not followed.
        assert_eq!(provider.asked(), asked + 1);
    }
}

#[tokio::test]
async fn a_server_starts_before_its_provider_does() {
    let provider = Provider::start(set(&[jwk(ED, "ed")])).await;
    provider.answers(StatusCode::SERVICE_UNAVAILABLE, String::new());
    let tokens = provider.tokens().await;
    let token = signed(ED, Some("ed"));
    let sentence = "The keys that tokens are checked with are not there yet, try again soon";
    assert_eq!(refusal(&tokens, &token).await, sentence);
    provider.answers(StatusCode::OK, set(&[jwk(ED, "ed")]));
    assert_eq!(refusal(&tokens, &token).await, sentence);
    jwks(&tokens).forget_last_load().await;
    assert_eq!(tokens.verify(&token).await.unwrap().user, Subject::Number(5));
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn a_file_of_keys_must_be_there_at_the_start_and_is_read_again() {
    let folder = folder();
    let path = folder.join("keys.json");
    let auth = Auth { jwks: Some(path.display().to_string()), ..Auth::default() };
    let missing = Tokens::open(&auth, &folder).await.err().unwrap().to_string();
    assert_eq!(missing, format!("The keys of auth.jwks cannot be loaded from {}", path.display()));
    std::fs::write(&path, set(&[jwk(ED, "old")])).unwrap();
    let tokens = Tokens::open(&auth, &folder).await.unwrap();
    std::fs::write(&path, set(&[jwk(ED_NEXT, "new")])).unwrap();
    jwks(&tokens).forget_last_load().await;
    assert_eq!(tokens.verify(&signed(ED_NEXT, Some("new"))).await.unwrap().user, Subject::Number(5));
    std::fs::remove_dir_all(folder).unwrap();
}
