//! Who somebody is: tokens against the running server (protocol §1).

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

use crate::person::Answer;
use crate::process::{Home, is_private};
use crate::server::{SECRET, Server, now, token};
use crate::sockets::{GraphqlSocket, until};
use crate::stomp_client::{CARRIERS, StompClient};

const RSA: &str = include_str!("../keys/rsa.pem");
const RSA_PUBLIC: &str = include_str!("../keys/rsa-public.pem");
const EC: &str = include_str!("../keys/ec.pem");
const ED: &str = include_str!("../keys/ed.pem");
const ED_NEXT: &str = include_str!("../keys/ed-next.pem");

/// What is told of a token, and why.
const NOT_VALID: &str = "The token is not valid";
const ALGORITHM: &str = "The token is signed with an algorithm that is not taken";
const ISSUER: &str = "The token is not from the issuer (iss) that is trusted here";
const AUDIENCE: &str = "The token is not meant for this server (aud)";
const NO_EXPIRY: &str = "The token has no expiry (exp)";
const NO_USER: &str = "The token names no user (sub)";
const NO_ID: &str = "The user of the token (sub) is not a positive whole number below 2^53";

const ME: &str = "{ me { id name avatarUrl } }";

/// What the server makes of a token: `me` in GraphQL.
async fn me(server: &Server, token: &str) -> Json {
    server.somebody(0, token, "").gql_ok(ME, json!({})).await["me"].clone()
}

/// An answer of the door REST to a token.
async fn asked(server: &Server, token: &str) -> Answer {
    server.somebody(0, token, "").get("/conversations/unread").await
}

/// Asserts that a token is refused by REST, by GraphQL over HTTP and by GraphQL over a socket, in the same words.
async fn assert_refused(server: &Server, token: &str, sentence: &str) {
    let somebody = server.somebody(0, token, "");
    let rest = asked(server, token).await;
    rest.refused(401, "UNAUTHENTICATED", sentence);
    assert_eq!(rest.header("www-authenticate"), Some("Bearer"), "{token}");

    let graphql = somebody.gql_answer(ME, json!({})).await;
    let error = &graphql.body["errors"][0];
    assert_eq!((graphql.status, graphql.header("www-authenticate")), (401, Some("Bearer")), "{token}");
    assert_eq!(
        (&error["extensions"]["code"], &error["message"]),
        (&json!("UNAUTHENTICATED"), &json!(sentence)),
        "{token}"
    );

    let mut socket = GraphqlSocket::open(server.address, "/graphql").await;
    socket.say(json!({ "type": "connection_init", "payload": { "Authorization": format!("Bearer {token}") } })).await;
    assert_eq!(socket.closed().await, (4403, sentence.to_owned()), "{token}");
}

/// Signed with the secret of the tests by whatever algorithm the header names.
fn signed_by(algorithm: Algorithm, claims: &Json) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

#[tokio::test]
async fn a_user_is_made_on_first_sight_and_changed_by_later_tokens() {
    let server = Server::start().await;
    let first = json!({ "sub": "7", "name": "<b>Ze</b>\u{202E}ra\n", "picture": "https://example.org/z.png" });
    let zera = json!({ "id": "7", "name": "Zera", "avatarUrl": "https://example.org/z.png" });
    assert_eq!(me(&server, &token(first)).await, zera);
    assert_eq!(me(&server, &token(json!({ "sub": 7 }))).await, zera, "what a token leaves out stays");
    assert_eq!(me(&server, &token(json!({ "sub": 7, "name": "<i></i>", "picture": "javascript:x" }))).await, zera);

    let later = json!({ "sub": 7, "name": "Zoe", "picture": "https://example.org/new.png" });
    let zoe = json!({ "id": "7", "name": "Zoe", "avatarUrl": "https://example.org/new.png" });
    assert_eq!(me(&server, &token(later)).await, zoe);

    // Others see the same.
    let alice = server.somebody(1, &token(json!({ "sub": 1, "name": "Alice" })), "Alice");
    let direct = alice.post_nothing("/conversations/direct/7").await.ok();
    assert_eq!(direct["name"], "Zoe", "{direct}");
    alice.post_nothing("/conversations/direct/8").await.refused(404, "NOT_FOUND", "User not found: 8");
}

#[tokio::test]
async fn a_user_without_a_name_is_called_by_the_id() {
    let server = Server::start().await;
    assert_eq!(me(&server, &token(json!({ "sub": "42" }))).await["name"], "User 42");
    assert_eq!(me(&server, &token(json!({ "sub": 43, "name": "\u{200B} " }))).await["name"], "User 43");
    assert_eq!(me(&server, &token(json!({ "sub": 44, "name": 44 }))).await["name"], "User 44");
    assert_eq!(me(&server, &token(json!({ "sub": 42, "name": "Ford" }))).await["name"], "Ford");
    let most = 9_007_199_254_740_991_i64;
    assert_eq!(me(&server, &token(json!({ "sub": most }))).await["id"], most.to_string());
}

#[tokio::test]
async fn people_who_meet_the_server_at_the_same_moment_are_all_let_in() {
    let server = Server::start().await;
    let meetings = (0..40).map(|n| {
        let token = token(json!({ "sub": 1 + n % 4, "name": format!("Person {}", n % 4) }));
        let server = &server;
        async move { me(server, &token).await["name"].clone() }
    });
    for (n, name) in futures_util::future::join_all(meetings).await.into_iter().enumerate() {
        assert_eq!(name, format!("Person {}", n % 4));
    }
}

#[tokio::test]
async fn only_administrators_make_users_known_ahead_of_time() {
    let server = Server::start().await;
    let upsert = "mutation($input: [UserInput!]!) { upsertUsers(input: $input) { id name avatarUrl } }";
    let input = json!({ "input": [{ "id": "5", "name": "Eve" }, { "id": "6", "name": "Finn" }] });
    let forbidden = ("FORBIDDEN".to_owned(), "Only an administrator may do that".to_owned());
    for roles in [json!(null), json!([]), json!(["user", "Admin"]), json!("admin"), json!({ "admin": true })] {
        let somebody = server.somebody(1, &token(json!({ "sub": 1, "name": "Alice", "roles": roles })), "Alice");
        assert_eq!(somebody.gql_refused(upsert, input.clone()).await, forbidden, "{roles}");
        somebody.post_nothing("/conversations/direct/5").await.refused(404, "NOT_FOUND", "User not found: 5");
    }

    let root = server.somebody(9, &token(json!({ "sub": 9, "roles": ["user", "admin"] })), "User 9");
    let eve = json!({ "id": "5", "name": "Eve", "avatarUrl": null });
    assert_eq!(root.gql_ok(upsert, input).await["upsertUsers"][0], eve);
    let alice = server.somebody(1, &token(json!({ "sub": 1, "name": "Alice" })), "Alice");
    assert_eq!(alice.post_nothing("/conversations/direct/5").await.ok()["name"], "Eve");
    // Their own tokens have the last word.
    assert_eq!(me(&server, &token(json!({ "sub": 5, "name": "Eva" }))).await["name"], "Eva");
}

#[tokio::test]
async fn issuer_and_audience_are_required_once_configured() {
    let server = Server::start_with(|config| {
        config.auth.issuer = Some("https://id.example.org".to_owned());
        config.auth.audience = Some("confab".to_owned());
    })
    .await;
    let with = |iss: Json, aud: Json| token(json!({ "sub": 1, "iss": iss, "aud": aud }));
    let (issuer, audience) = (json!("https://id.example.org"), json!("confab"));
    for aud in [audience.clone(), json!(["other", "confab"])] {
        assert_eq!(asked(&server, &with(issuer.clone(), aud)).await.status, 200);
    }
    let wrong = [
        (with(json!("https://id.example.org/"), audience.clone()), ISSUER),
        (with(json!(null), audience.clone()), ISSUER),
        (with(issuer.clone(), json!("other")), AUDIENCE),
        (with(issuer.clone(), json!(["other"])), AUDIENCE),
        (with(issuer.clone(), json!(null)), AUDIENCE),
        (token(json!({ "sub": 1, "aud": "confab" })), ISSUER),
        (token(json!({ "sub": 1, "iss": "https://id.example.org" })), AUDIENCE),
    ];
    for (token, sentence) in wrong {
        assert_refused(&server, &token, sentence).await;
    }
}

#[tokio::test]
async fn a_token_that_is_not_valid_opens_no_door() {
    let server = Server::start().await;
    let good = token(json!({ "sub": 1, "name": "Alice" }));
    let parts: Vec<&str> = good.split('.').collect();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let other = URL_SAFE_NO_PAD.encode(json!({ "sub": 2, "exp": now() + 60 }).to_string());
    let hour = json!({ "sub": 1, "exp": now() + 3600 });
    let other_secret = EncodingKey::from_secret(b"another secret, which is also longer than 32 bytes");
    // Whoever signs with another key learns nothing of what else is wrong.
    let forged = json!({ "sub": "alice", "exp": 1 });
    let mut broken = vec![
        ("nonsense".to_owned(), NOT_VALID),
        (format!("{none}.{}.", parts[1]), NOT_VALID),
        (format!("{none}.{}.{}", parts[1], parts[2]), NOT_VALID),
        (format!("{}.{other}.{}", parts[0], parts[2]), NOT_VALID),
        (format!("{}.{}.", parts[0], parts[1]), NOT_VALID),
        (format!("{}.{}", parts[0], parts[1]), NOT_VALID),
        (encode(&Header::default(), &hour, &other_secret).unwrap(), NOT_VALID),
        (encode(&Header::default(), &forged, &other_secret).unwrap(), NOT_VALID),
        (provided(RSA, "rsa", hour.clone()), ALGORITHM),
        (provided(EC, "ec", hour.clone()), ALGORITHM),
        (signed_by(Algorithm::HS256, &json!({ "sub": 1 })), NO_EXPIRY),
        (token(json!({ "name": "Nobody" })), NO_USER),
        (token(json!({ "sub": null })), NO_USER),
        (token(json!({ "sub": [1] })), NOT_VALID),
        (token(json!({ "sub": {} })), NOT_VALID),
        (token(json!({ "sub": 1, "exp": "tomorrow" })), "The expiry of the token (exp) is not a number of seconds"),
    ];
    let subjects = [
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(9_007_199_254_740_992_i64),
        json!(""),
        json!("0"),
        json!("-1"),
        json!("01"),
        json!("1.5"),
        json!("1e3"),
        json!(" 1"),
        json!("١"),
        json!("9007199254740992"),
        json!("99999999999999999999"),
        json!("alice"),
        json!("1f0c8a52-7d0e-4c4e-9a55-0d8f8f4b6c1a"),
    ];
    broken.extend(subjects.into_iter().map(|sub| (token(json!({ "sub": sub })), NO_ID)));
    for (token, sentence) in broken {
        assert_refused(&server, &token, sentence).await;
    }
    let expired = token(json!({ "sub": 1, "exp": now() - 31 }));
    assert_refused(&server, &expired, "The token has expired").await;
    let early = token(json!({ "sub": 1, "nbf": now() + 90 }));
    assert_refused(&server, &early, "The token is not valid yet").await;

    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        assert_eq!(asked(&server, &signed_by(algorithm, &hour)).await.status, 200, "{algorithm:?}");
    }
    // Clocks may lie 30 s apart.
    for leeway in [json!({ "sub": 1, "exp": now() - 10 }), json!({ "sub": "1", "nbf": now() + 10 })] {
        assert_eq!(asked(&server, &token(leeway)).await.status, 200);
    }
}

#[tokio::test]
async fn the_header_holds_one_token_and_the_address_none() {
    let server = Server::start().await;
    let token = token(json!({ "sub": 1, "name": "Alice" }));
    let url = format!("http://{}/api/chat/conversations/unread", server.address);
    let client = reqwest::Client::new();
    let status = async |header: Option<String>, query: &str| {
        let mut request = client.get(format!("{url}{query}"));
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        request.send().await.unwrap().status().as_u16()
    };
    for good in [format!("Bearer {token}"), format!("bearer  {token}"), format!("BEARER {token} ")] {
        assert_eq!(status(Some(good.clone()), "").await, 200, "{good}");
    }
    let bad =
        ["".to_owned(), "Bearer".to_owned(), token.clone(), format!("Basic {token}"), format!("Bearer {token} x")];
    for bad in bad {
        assert_eq!(status(Some(bad.clone()), "").await, 401, "{bad}");
    }
    assert_eq!(status(None, "").await, 401);
    assert_eq!(status(None, &format!("?token={token}")).await, 401);
}

#[tokio::test]
async fn a_live_connection_ends_with_its_token() {
    let server = Server::start().await;
    // The leeway is part of its life: three seconds of it are left.
    let short = token(json!({ "sub": 1, "name": "Alice", "exp": now() - 27 }));
    let mut socket = server.somebody(1, &short, "Alice").socket().await;
    assert_eq!(socket.closed().await, (4403, "The token has expired".to_owned()));
}

fn signer(pem: &str) -> (EncodingKey, Algorithm) {
    let bytes = pem.as_bytes();
    match pem {
        RSA => (EncodingKey::from_rsa_pem(bytes).unwrap(), Algorithm::RS256),
        EC => (EncodingKey::from_ec_pem(bytes).unwrap(), Algorithm::ES256),
        _ => (EncodingKey::from_ed_pem(bytes).unwrap(), Algorithm::EdDSA),
    }
}

fn keys(pems: &[(&str, &str)]) -> String {
    let key = |(pem, kid): &(&str, &str)| {
        let (key, algorithm) = signer(pem);
        let mut jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
        jwk.common.key_id = Some((*kid).to_owned());
        serde_json::to_value(jwk).unwrap()
    };
    json!({ "keys": pems.iter().map(key).collect::<Vec<_>>() }).to_string()
}

/// A token of the identity provider.
fn provided(pem: &str, kid: &str, claims: Json) -> String {
    let (key, algorithm) = signer(pem);
    encode(&Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) }, &claims, &key).unwrap()
}

async fn server_of(jwks: &str) -> Server {
    Server::start_with(|config| {
        config.auth.jwt_secret = None;
        config.auth.jwks = Some(jwks.to_owned());
    })
    .await
}

/// An identity provider whose keys can be changed; its address and what it answers.
async fn provider(keys: String) -> (String, Arc<Mutex<String>>) {
    let answer = Arc::new(Mutex::new(keys));
    let held = Arc::clone(&answer);
    let routes = axum::Router::new()
        .route("/keys", get(async move || held.lock().unwrap_or_else(PoisonError::into_inner).clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, answer)
}

struct KeyFile(std::path::PathBuf);

impl KeyFile {
    fn new(keys: &str) -> Self {
        let path = std::env::temp_dir().join(format!("confab-test-{}.json", uuid::Uuid::new_v4()));
        std::fs::write(&path, keys).unwrap();
        Self(path)
    }

    fn source(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

#[tokio::test]
async fn the_tokens_of_an_identity_provider_are_believed_whatever_their_algorithm() {
    let set = keys(&[(RSA, "rsa"), (EC, "ec"), (ED, "ed")]);
    let file = KeyFile::new(&set);
    let (url, _) = provider(set).await;
    for source in [file.source(), url] {
        let server = server_of(&source).await;
        let claims = json!({ "sub": "5", "name": "Eve", "exp": now() + 60 });
        for (pem, kid) in [(RSA, "rsa"), (EC, "ec"), (ED, "ed")] {
            assert_eq!(me(&server, &provided(pem, kid, claims.clone())).await["name"], "Eve", "{kid} of {source}");
        }
        let (rsa, _) = signer(RSA);
        let rs512 = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::RS512) };
        let named = Header { kid: Some("rsa".to_owned()), ..Header::default() };
        let wrong = [
            // Another key of the set, a key that is in no set, one that is not told, another algorithm of the same key.
            (provided(RSA, "ed", claims.clone()), ALGORITHM),
            (provided(ED_NEXT, "ed", claims.clone()), NOT_VALID),
            (encode(&Header::new(Algorithm::RS256), &claims, &rsa).unwrap(), NOT_VALID),
            (encode(&rs512, &claims, &rsa).unwrap(), ALGORITHM),
            // A public key is no secret, in whatever form it is taken for one.
            (encode(&named, &claims, &EncodingKey::from_secret(RSA_PUBLIC.as_bytes())).unwrap(), ALGORITHM),
            (encode(&named, &claims, &EncodingKey::from_secret(RSA_PUBLIC.trim_end().as_bytes())).unwrap(), ALGORITHM),
            (encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap(), NOT_VALID),
        ];
        for (token, sentence) in wrong {
            assert_refused(&server, &token, sentence).await;
        }
    }
}

#[tokio::test]
async fn keys_rotate_while_the_server_runs() {
    let (old, new) = (keys(&[(ED, "old")]), keys(&[(ED_NEXT, "new"), (EC, "newer")]));
    let file = KeyFile::new(&old);
    let (url, answer) = provider(old).await;
    let servers = [server_of(&file.source()).await, server_of(&url).await];
    let claims = json!({ "sub": 5, "exp": now() + 600 });
    let (before, after) = (provided(ED, "old", claims.clone()), provided(ED_NEXT, "new", claims));
    for server in &servers {
        assert_eq!((asked(server, &before).await.status, asked(server, &after).await.status), (200, 401));
    }

    std::fs::write(&file.0, &new).unwrap();
    *answer.lock().unwrap() = new;
    // A key that is not known makes the server ask again, once in 30 s at most.
    let until = Instant::now() + Duration::from_secs(50);
    for server in &servers {
        while asked(server, &after).await.status != 200 {
            assert!(Instant::now() < until, "the new key is not believed");
            sleep(Duration::from_millis(500)).await;
        }
        assert_refused(server, &before, NOT_VALID).await;
    }
}

#[tokio::test]
async fn a_server_starts_without_its_identity_provider_and_lets_nobody_in() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", unused.local_addr().unwrap());
    drop(unused);
    let server = server_of(&url).await;
    let token = provided(ED, "ed", json!({ "sub": 5, "exp": now() + 60 }));
    assert_refused(&server, &token, "The keys that tokens are checked with are not there yet, try again soon").await;
}

#[tokio::test]
async fn the_secret_that_a_server_makes_is_private_and_stays() {
    let home = Home::new().await;
    let process = home.serve(&[]).await;
    let secret = home.folder.join("data/jwt.secret");
    let made = std::fs::read_to_string(&secret).unwrap();
    assert!(made.trim_end().len() >= 32);
    #[cfg(unix)]
    assert!(is_private(&secret) && is_private(Path::new(&home.folder.join("data"))));

    let token = home.token(5, "Eve").await;
    let own = EncodingKey::from_secret(made.trim_end().as_bytes());
    let signed = encode(&Header::default(), &json!({ "sub": 6, "exp": now() + 60 }), &own).unwrap();
    for token in [&token, &signed] {
        assert_eq!(process.somebody(5, token, "Eve").get("/conversations/unread").await.status, 200);
    }
    assert_eq!(process.terminate().await.code, Some(0));

    let process = home.serve(&[]).await;
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), made);
    assert_eq!(process.somebody(5, &token, "Eve").get("/conversations/unread").await.status, 200);
}

#[tokio::test]
async fn no_token_and_no_secret_ever_appears_in_the_log() {
    let home = Home::new().await;
    let process = home.serve(&["serve", "--demo", "--set", "log.level=trace"]).await;
    let alice = process.demo_token("Alice");
    let person = process.somebody(1, &alice, "Alice");
    person.get("/conversations").await.ok();
    person.send(1, "Hello").await;
    person.gql_ok(ME, json!({})).await;
    let listen = "subscription { messages { id } }";
    let mut socket = person.subscribe(listen).await;
    person.send(1, "Hello again").await;
    socket.event().await;

    // In the address of a socket, in the init without Bearer, as a stream of events, and where none belongs.
    for protocol in ["graphql-transport-ws", "graphql-ws"] {
        let address = format!("/graphql?token={alice}");
        let mut socket = GraphqlSocket::open_with(process.address, &address, protocol).await;
        socket.say(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.hear().await["type"], "connection_ack");
    }
    let mut socket = GraphqlSocket::open(process.address, "/graphql").await;
    socket.say(json!({ "type": "connection_init", "payload": { "authorization": alice } })).await;
    assert_eq!(socket.hear().await["type"], "connection_ack");
    for address in [format!("/ws/chat?token={alice}"), "/ws/chat/websocket".to_owned()] {
        let mut socket = GraphqlSocket::open_with(process.address, &address, "v12.stomp").await;
        socket.say_text(&format!("CONNECT\naccept-version:1.2\nhost:x\nAuthorization:Bearer {alice}\n\n\0")).await;
        socket.say_text("DISCONNECT\n\n\0").await;
        assert_eq!(socket.closed().await.0, 1000);
    }
    let stream = person.request(reqwest::Method::POST, "/graphql").header("accept", "text/event-stream");
    let stream = stream.json(&json!({ "query": listen })).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    person.get(&format!("/conversations?token={alice}")).await.ok();

    // Refused ones, too: they may be valid elsewhere.
    let elsewhere = token(json!({ "sub": 1, "aud": "elsewhere" }));
    let stranger = process.somebody(1, &elsewhere, "");
    stranger.get("/conversations").await.refused_with(401, "UNAUTHENTICATED");
    let mut socket = GraphqlSocket::open(process.address, &format!("/graphql?token={elsewhere}")).await;
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await.0, 4403);

    let secret = std::fs::read_to_string(home.folder.join("data/jwt.secret")).unwrap();
    drop((socket, stream));
    let ended = process.terminate().await;
    assert!(ended.err.contains("DEBUG") && ended.err.contains("/api/chat/conversations"), "there is a log");
    for (what, hidden) in [("token", &alice), ("refused token", &elsewhere), ("secret", &secret)] {
        // A part of it is too much already.
        let parts = hidden.trim_end().split('.').skip(usize::from(hidden.contains('.')));
        for part in parts {
            let line = ended.err.lines().find(|line| line.contains(part));
            assert!(line.is_none(), "the {what} stands in the log: {}", line.unwrap_or_default());
        }
    }
}

#[tokio::test]
async fn a_token_of_16_kib_is_taken_wherever_a_token_can_stand_and_a_longer_one_is_refused_as_that() {
    let server = Server::start().await;
    let of_length = |length: usize| {
        let with = |padding: usize| token(json!({ "sub": 1, "name": "Alice", "groups": "x".repeat(padding) }));
        // Base64 makes four of three: some paddings are left out.
        let paddings = (length * 3 / 4 - 400)..length;
        let mut tokens = paddings.map(with).skip_while(|token| token.len() < length - 1);
        tokens.next().expect("a token of about this length")
    };
    let (longest, longer) = (of_length(16 * 1024), of_length(17 * 1024));
    assert!((16 * 1024 - 1..=16 * 1024).contains(&longest.len()), "{}", longest.len());
    assert_eq!(asked(&server, &longest).await.status, 200);
    assert_eq!(me(&server, &longest).await["name"], "Alice");
    let sentence = "The token is longer than 16 KiB";
    assert_refused(&server, &longer, sentence).await;
    for protocol in ["graphql-transport-ws", "graphql-ws"] {
        let mut socket = GraphqlSocket::open_with(server.address, "/graphql", protocol).await;
        socket.init(&longest).await;
        let mut socket = GraphqlSocket::open_with(server.address, &format!("/graphql?token={longest}"), protocol).await;
        socket.say(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.hear().await["type"], "connection_ack");
    }
    for carrier in CARRIERS {
        let connect = |token: &str| format!("CONNECT\naccept-version:1.2\n{token}\n\0");
        for (token, query, header) in [
            (&longest, String::new(), format!("Authorization:Bearer {longest}\n")),
            (&longest, format!("?token={longest}"), String::new()),
        ] {
            let mut client = StompClient::open_with(server.address, carrier, &query).await;
            client.say(&connect(&header)).await;
            assert_eq!(client.hear().await.command, "CONNECTED", "{carrier:?} {}", token.len());
        }
        for (query, header) in
            [(String::new(), format!("Authorization:Bearer {longer}\n")), (format!("?token={longer}"), String::new())]
        {
            let mut client = StompClient::open_with(server.address, carrier, &query).await;
            client.say(&connect(&header)).await;
            assert_eq!(client.failed().await, sentence, "{carrier:?}");
        }
    }
    // Over HTTP/2, too, whose heads are compressed.
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let request = client.get(server.url("/api/chat/conversations")).bearer_auth(&longest);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_token_is_refused_is_logged_and_counted_without_anything_of_the_token() {
    let home = Home::new().await;
    let process = home.serve(&["--set", &format!("auth.jwt_secret={SECRET}"), "--set", "log.format=json"]).await;
    let canary = "canary-in-a-token";
    let hour = json!({ "sub": 1, "name": canary, "iss": canary, "exp": now() + 3600 });
    let other_secret = EncodingKey::from_secret(b"another secret, which is also longer than 32 bytes");
    for (token, reason) in [
        (canary.to_owned(), "malformed"),
        (encode(&Header::default(), &hour, &other_secret).unwrap(), "signature"),
        (provided(RSA, "rsa", hour.clone()), "algorithm"),
        (signed_by(Algorithm::HS256, &json!({ "sub": 1, "name": canary })), "no_expiry"),
        (token(json!({ "sub": canary })), "user_form"),
        (token(json!({ "name": canary })), "no_user"),
        (token(json!({ "sub": 1, "name": canary, "exp": 1 })), "expired"),
        ("x".repeat(17 * 1024), "too_long"),
    ] {
        let answer = process.somebody(1, &token, "Nobody").get("/conversations/unread").await;
        assert_eq!(answer.status, 401, "{reason}");
        let id = answer.header("x-request-id").expect("an id").to_owned();
        let is_told = || {
            let logged = process.logged();
            let mut lines = logged.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
            lines.any(|line| {
                (&line["target"], &line["level"], &line["fields"]["reason"])
                    == (&json!("confab::auth"), &json!("INFO"), &json!(reason))
                    && line.to_string().contains(&id)
            })
        };
        until(&format!("{reason} is logged"), async || is_told()).await;
        let metrics = reqwest::get(format!("http://{}/metrics", process.address)).await.unwrap().text().await.unwrap();
        assert!(metrics.contains(&format!("confab_tokens_refused_total{{reason=\"{reason}\"}} 1")), "{metrics}");
        assert!(!metrics.contains(canary));
        let logged = process.logged();
        assert!(
            !logged.contains(canary) && token.split('.').all(|part| part.len() < 40 || !logged.contains(part)),
            "{logged}"
        );
    }
}
