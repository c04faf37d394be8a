//! Tokens that are missing, expired, forged or in the wrong place.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::person::{Answer, Person};
use crate::server::{Server, now, token};

fn unsigned(header: Json, claims: Json, signature: &str) -> String {
    format!("{}.{}.{signature}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

async fn with_header(server: &Server, header: Option<&str>) -> Answer {
    let nobody = Person::new(server.address, 1, "Nobody", "");
    let mut request = reqwest::Client::new().get(server.url("/api/chat/conversations"));
    if let Some(header) = header {
        request = request.header("authorization", header);
    }
    nobody.fetch(request).await
}

#[track_caller]
fn unauthenticated(answer: &Answer, what: &str) {
    assert_eq!((answer.status, &answer.body["code"]), (401, &json!("UNAUTHENTICATED")), "{what}: {}", answer.text);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{what}");
    assert_eq!((&answer.body["success"], &answer.body["data"]), (&json!(false), &Json::Null));
}

#[tokio::test]
async fn a_token_is_needed_in_the_authorization_header() {
    let server = Server::start().await;
    let good = token(json!({ "sub": 1 }));
    unauthenticated(&with_header(&server, None).await, "no header");
    for header in ["", "Bearer", "Bearer ", "Basic YTpi", &good, &format!("Token {good}"), &format!("Bearer {good} x")]
    {
        unauthenticated(&with_header(&server, Some(header)).await, header);
    }
    for header in [format!("Bearer {good}"), format!("bearer {good}"), format!("BEARER  {good}")] {
        assert_eq!(with_header(&server, Some(&header)).await.status, 200, "{header}");
    }
}

#[tokio::test]
async fn a_token_in_the_query_string_means_nothing() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let bobs = token(json!({ "sub": 2, "name": "Bob" }));
    let nobody = server.somebody(1, "", "Nobody");
    let request = reqwest::Client::new().get(server.url(&format!("/api/chat/conversations?token={bobs}")));
    unauthenticated(&nobody.fetch(request).await, "?token=");
    let own = alice.post(&format!("/conversations?token={bobs}"), json!({ "name": "Mine" })).await;
    assert_eq!((own.status, &own.data()["createdById"]), (201, &json!(1)));
    assert_eq!(alice.get("/conversations?token=garbage").await.status, 200);
}

#[tokio::test]
async fn a_bad_token_is_refused_on_every_route() {
    let server = Server::start().await;
    let good = token(json!({ "sub": 1 }));
    let (head, signature) = good.rsplit_once('.').expect("three parts");
    let claims = json!({ "sub": 1, "exp": now() + 3600 });
    let hs256 = json!({ "alg": "HS256", "typ": "JWT" });
    let key = jsonwebtoken::EncodingKey::from_secret(b"another secret, also longer than 32 bytes");
    let foreign = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token");
    let key = jsonwebtoken::EncodingKey::from_ed_pem(include_bytes!("../../keys/ed.pem")).expect("a key");
    let other = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    let other_algorithm = jsonwebtoken::encode(&other, &claims, &key).expect("a token");
    let bad = [
        ("garbage", "garbage".to_owned()),
        ("dots", "a.b.c".to_owned()),
        ("alg none", unsigned(json!({ "alg": "none" }), claims.clone(), "")),
        ("alg NoNe", unsigned(json!({ "alg": "NoNe" }), claims.clone(), signature)),
        ("no signature", format!("{head}.")),
        ("wrong signature", format!("{head}.{}", signature.chars().rev().collect::<String>())),
        ("foreign secret", foreign),
        ("other algorithm", other_algorithm),
        ("other claims", unsigned(hs256, json!({ "sub": 2, "exp": now() + 3600 }), signature)),
        ("expired", token(json!({ "sub": 1, "exp": now() - 60 }))),
        ("exp never", token(json!({ "sub": 1, "exp": "never" }))),
        ("exp null", token(json!({ "sub": 1, "exp": null }))),
        ("not yet", token(json!({ "sub": 1, "nbf": now() + 3600 }))),
        ("nbf a string", token(json!({ "sub": 1, "nbf": "9999999999" }))),
        ("no sub", token(json!({ "name": "Nobody" }))),
        ("too long", token(json!({ "sub": 1, "name": "x".repeat(17_000) }))),
    ];
    let routes = [
        (Method::GET, "/conversations"),
        (Method::POST, "/conversations"),
        (Method::PUT, "/conversations/1"),
        (Method::DELETE, "/messages/1"),
        (Method::PUT, "/presence/status"),
        (Method::GET, "/events"),
    ];
    for (what, bad) in bad {
        let somebody = server.somebody(1, &bad, "Nobody");
        for (method, path) in routes.clone() {
            let answer = somebody.fetch(somebody.request(method, &format!("/api/chat{path}"))).await;
            unauthenticated(&answer, what);
        }
    }
}

#[tokio::test]
async fn a_token_without_an_expiry_is_refused() {
    let server = Server::start().await;
    let key = jsonwebtoken::EncodingKey::from_secret(crate::server::SECRET.as_bytes());
    let claims = json!({ "sub": 1 });
    let eternal = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token");
    unauthenticated(&with_header(&server, Some(&format!("Bearer {eternal}"))).await, "no exp");
}

#[tokio::test]
async fn a_subject_is_a_user_id_as_number_or_string() {
    let server = Server::start().await;
    let subjects = [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("0"),
        json!("-1"),
        json!("1e3"),
        json!(" 1"),
        json!("９"),
        json!("01"),
        json!(9_007_199_254_740_992_i64),
        json!("9223372036854775808"),
        json!(null),
        json!([1]),
        json!(true),
        json!(""),
    ];
    for sub in subjects {
        let header = format!("Bearer {}", token(json!({ "sub": sub })));
        unauthenticated(&with_header(&server, Some(&header)).await, &sub.to_string());
    }
    for sub in [json!(7), json!("7"), json!(9_007_199_254_740_991_i64)] {
        let header = format!("Bearer {}", token(json!({ "sub": sub })));
        assert_eq!(with_header(&server, Some(&header)).await.status, 200, "{sub}");
    }
}

#[tokio::test]
async fn the_name_in_a_token_is_cleaned_kept_and_brought_up_to_date() {
    let server = Server::start().await;
    let name_of = |claims: Json| {
        let person = server.somebody(7, &token(claims), "");
        async move { person.get("/presence/7").await.ok()["userName"].clone() }
    };
    assert_eq!(name_of(json!({ "sub": 7 })).await, "User 7");
    assert_eq!(name_of(json!({ "sub": 7, "name": "Grace" })).await, "Grace");
    assert_eq!(name_of(json!({ "sub": 7 })).await, "Grace");
    assert_eq!(name_of(json!({ "sub": 7, "name": "<b>Gr</b>a\nc\0e\u{202E}" })).await, "Grace");
    assert_eq!(name_of(json!({ "sub": 7, "name": "x".repeat(300) })).await, "x".repeat(100));
    assert_eq!(name_of(json!({ "sub": 7, "name": 5 })).await, "x".repeat(100));
}
