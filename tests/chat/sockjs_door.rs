//! SockJS as it is mounted at `/ws/chat`, by plain HTTP: information, pages, sessions, origins, and what is refused.

use reqwest::{Client, Method, RequestBuilder};

use crate::person::{Answer, Person};
use crate::server::Server;
use crate::sockets::QUIET;
use crate::sockjs_receiver::Receiver;
use crate::stomp_client::{Carrier, StompClient, new_session, shake};

const NEVER: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";
const A_YEAR: &str = "public, max-age=31536000";

struct Scene {
    server: Server,
    alice: Person,
    http: Client,
}

async fn scene() -> Scene {
    scene_with(&[]).await
}

/// A server that allows these origins.
async fn scene_with(origins: &[&str]) -> Scene {
    let server = Server::start_with(|config| {
        config.cors.allowed_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    })
    .await;
    let alice = server.person("Alice").await;
    Scene { server, alice, http: Client::new() }
}

impl Scene {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.server.url(path))
    }

    async fn ask(&self, method: Method, path: &str) -> Answer {
        self.alice.fetch(self.request(method, path)).await
    }

    async fn say(&self, session: &str, body: &str) -> Answer {
        self.alice.fetch(self.request(Method::POST, &format!("{session}/xhr_send")).body(body.to_owned())).await
    }

    async fn poll(&self, session: &str) -> String {
        self.ask(Method::POST, &format!("{session}/xhr")).await.text
    }
}

#[tokio::test]
async fn info_says_what_there_is_and_is_never_kept() {
    let scene = scene_with(&["*"]).await;
    let mut numbers = Vec::new();
    for query in ["", "?token=nonsense"] {
        let answer = scene.ask(Method::GET, &format!("/ws/chat/info{query}")).await;
        let number = answer.body["entropy"].as_i64().expect("a number");
        let expected = format!(r#"{{"entropy":{number},"origins":["*:*"],"cookie_needed":true,"websocket":true}}"#);
        assert_eq!((answer.status, answer.text.as_str()), (200, expected.as_str()));
        assert_eq!(answer.header("content-type"), Some("application/json;charset=UTF-8"));
        assert_eq!(answer.header("cache-control"), Some(NEVER));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        numbers.push(number);
    }
    assert_ne!(numbers[0], numbers[1]);
    for origin in ["https://a.example", "null"] {
        let answer = scene.alice.fetch(scene.request(Method::GET, "/ws/chat/info").header("origin", origin)).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    let answer = scene.ask(Method::POST, "/ws/chat/info").await;
    assert_eq!((answer.status, answer.header("allow"), answer.text.as_str()), (405, Some("GET,OPTIONS"), ""));
}

#[tokio::test]
async fn a_browser_that_asks_beforehand_is_answered_for_a_year() {
    let scene = scene_with(&["*"]).await;
    for (path, methods) in [
        ("/ws/chat/info".to_owned(), "GET,OPTIONS"),
        (format!("{}/xhr", new_session()), "POST,OPTIONS"),
        (format!("{}/xhr_send", new_session()), "POST,OPTIONS"),
        (format!("{}/xhr_streaming", new_session()), "POST,OPTIONS"),
        (format!("{}/htmlfile", new_session()), "GET,OPTIONS"),
    ] {
        let request = scene.request(Method::OPTIONS, &path).header("origin", "https://a.example");
        let request = request.header("access-control-request-method", "POST");
        let answer = scene.alice.fetch(request.header("access-control-request-headers", "content-type, x-a")).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
        for (name, value) in [
            ("cache-control", A_YEAR),
            ("access-control-max-age", "31536000"),
            ("access-control-allow-methods", methods),
            ("access-control-allow-headers", "content-type, x-a"),
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-allow-credentials", "true"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(answer.header("expires").is_some());
    }
}

#[tokio::test]
async fn the_greeting_and_the_iframe_page_are_there_for_allowed_origins() {
    for (origins, policy) in [
        (
            &["https://a.example", "https://b.example"][..],
            Some("frame-ancestors 'self' https://a.example https://b.example"),
        ),
        (&[], Some("frame-ancestors 'self'")),
        (&["*"], None),
    ] {
        let scene = scene_with(origins).await;
        for path in ["/ws/chat/iframe.html", "/ws/chat/iframe-1.6.1.html", "/ws/chat/iframe-a.b_c.html?t=1"] {
            let answer = scene.ask(Method::GET, path).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html;charset=UTF-8")));
            assert_eq!(answer.header("content-security-policy"), policy);
            assert_eq!(answer.header("cache-control"), Some(A_YEAR));
            assert!(answer.text.contains("<script src=\"/ws/sockjs-1.6.1.min.js\"></script>"), "{}", answer.text);
            assert!(answer.text.contains("SockJS.bootstrap_iframe();"));
            let tag = answer.header("etag").expect("an etag").to_owned();
            let again = scene.alice.fetch(scene.request(Method::GET, path).header("if-none-match", tag)).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""));
        }
        for path in ["/ws/chat", "/ws/chat/", "/ws/chat?token=x"] {
            let answer = scene.ask(Method::GET, path).await;
            assert_eq!((answer.status, answer.text.as_str()), (200, "Welcome to SockJS!\n"));
            assert_eq!(answer.header("content-type"), Some("text/plain;charset=UTF-8"));
        }
    }
    let scene = scene().await;
    let script = scene.ask(Method::GET, "/ws/sockjs-1.6.1.min.js").await;
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    assert!(script.text.contains("bootstrap_iframe") && script.text.contains("1.6.1"));
}

#[tokio::test]
async fn what_is_nowhere_is_not_found() {
    let scene = scene().await;
    let long = "x".repeat(300);
    for path in [
        "/ws/chat/a/b/jsonp?c=x".to_owned(),
        "/ws/chat/a/b/jsonp?callback=alert(1)//".to_owned(),
        "/ws/chat/a/b/jsonp_send".to_owned(),
        "/ws/chat/a.b/c/xhr".to_owned(),
        "/ws/chat/a/b.c/xhr".to_owned(),
        "/ws/chat//b/xhr".to_owned(),
        "/ws/chat/a//xhr".to_owned(),
        "/ws/chat/a/b/xhr;x=1".to_owned(),
        "/ws/chat/a/b/xhr/".to_owned(),
        "/ws/chat/a/b/c/xhr".to_owned(),
        "/ws/chat/a/b/XHR".to_owned(),
        "/ws/chat/info/".to_owned(),
        "/ws/chat/iframe".to_owned(),
        format!("/ws/chat/a/{long}/xhr"),
        "/ws/chat/nonsense".to_owned(),
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = scene.ask(method, &path).await;
            assert_eq!((answer.status, answer.text.as_str()), (404, ""), "{path}");
        }
    }
    for (verb, allow) in [("xhr", "POST,OPTIONS"), ("xhr_send", "POST,OPTIONS"), ("xhr_streaming", "POST,OPTIONS")] {
        let answer = scene.ask(Method::GET, &format!("{}/{verb}", new_session())).await;
        assert_eq!((answer.status, answer.header("allow"), answer.text.as_str()), (405, Some(allow), ""), "{verb}");
    }
    for (verb, allow) in [("eventsource", "GET"), ("htmlfile?c=x", "GET,OPTIONS"), ("websocket", "GET")] {
        let answer = scene.ask(Method::POST, &format!("{}/{verb}", new_session())).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{verb}");
    }
}

#[tokio::test]
async fn an_upgrade_where_none_belongs_is_400_and_a_get_where_one_belongs_too() {
    let scene = scene().await;
    for (method, path) in [
        (Method::GET, "/ws/chat/info".to_owned()),
        (Method::POST, format!("{}/xhr", new_session())),
        (Method::POST, format!("{}/xhr_send", new_session())),
        (Method::POST, format!("{}/xhr_streaming", new_session())),
        (Method::GET, format!("{}/eventsource", new_session())),
        (Method::GET, format!("{}/htmlfile?c=x", new_session())),
    ] {
        let request = scene.request(method, &path).header("connection", "Upgrade").header("upgrade", "websocket");
        assert_eq!(scene.alice.fetch(request).await.status, 400, "{path}");
    }
    for path in ["/ws/chat/websocket".to_owned(), format!("{}/websocket", new_session())] {
        let answer = scene.ask(Method::GET, &path).await;
        assert_eq!((answer.status, answer.text.as_str()), (400, "Can \"Upgrade\" only to \"WebSocket\"."));
    }
    assert_eq!(scene.ask(Method::GET, "/health/live").await.status, 200);
}

#[tokio::test]
async fn an_origin_that_is_not_allowed_is_refused_everywhere() {
    for (origins, origin) in [
        (&[][..], "https://evil.example"),
        (&["https://a.example"], "https://evil.example"),
        (&["https://a.example"], "https://a.example.evil.example"),
        (&["https://a.example"], "null"),
        (&[], "null"),
    ] {
        let scene = scene_with(origins).await;
        for (method, path) in [
            (Method::GET, "/ws/chat/info".to_owned()),
            (Method::OPTIONS, "/ws/chat/info".to_owned()),
            (Method::POST, format!("{}/xhr", new_session())),
            (Method::POST, format!("{}/xhr_send", new_session())),
            (Method::GET, format!("{}/eventsource", new_session())),
        ] {
            let answer = scene.alice.fetch(scene.request(method, &path).header("origin", origin)).await;
            assert_eq!((answer.status, answer.text.as_str()), (403, "Invalid CORS request"), "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        for path in ["/ws/chat".to_owned(), "/ws/chat/websocket".to_owned(), format!("{}/websocket", new_session())] {
            let knocked = shake(scene.server.address, &path, &[("origin", origin)], None).await;
            assert_eq!(knocked.err(), Some(403), "{path} {origin}");
        }
        let own = format!("http://{}", scene.server.address);
        let allowed = origins.iter().map(|origin| (*origin).to_owned()).chain([own]);
        for origin in allowed {
            let answer = scene.alice.fetch(scene.request(Method::GET, "/ws/chat/info").header("origin", &origin)).await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(origin.as_str())));
            assert!(shake(scene.server.address, "/ws/chat", &[("origin", &origin)], None).await.is_ok());
        }
    }
}

#[tokio::test]
async fn what_cannot_be_delivered_is_refused_and_the_session_survives() {
    let scene = scene().await;
    let session = new_session();
    assert_eq!(scene.say(&session, "[\"x\"]").await.status, 404, "nobody has received yet");
    assert_eq!(scene.poll(&session).await, "o\n");
    for (body, sentence) in [
        ("", "Payload expected.\n"),
        ("[\"x", "Broken JSON encoding.\n"),
        ("\"x\"", "Broken JSON encoding.\n"),
        ("{}", "Broken JSON encoding.\n"),
        ("[{}]", "Broken JSON encoding.\n"),
        ("x", "Broken JSON encoding.\n"),
    ] {
        let answer = scene.say(&session, body).await;
        assert_eq!((answer.status, answer.text.as_str()), (500, sentence), "{body}");
    }
    for body in ["[]", "[\"\\n\"]", " [ \"\\r\\n\" , \"\\n\" ] "] {
        let answer = scene.say(&session, body).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{body}");
        assert_eq!(answer.header("content-type"), Some("text/plain;charset=UTF-8"));
        assert_eq!(answer.header("cache-control"), Some(NEVER));
    }
    let request = scene.request(Method::POST, &format!("{session}/xhr_send")).header("content-encoding", "gzip");
    assert_eq!(scene.alice.fetch(request.body("[\"\\n\"]")).await.status, 415);
    let large = format!("[\"{}\"]", "\\n".repeat(128 * 1024));
    assert_eq!(scene.say(&session, &large).await.status, 413);
    let connect = format!("[\"CONNECT\\nAuthorization:{}\\naccept-version:1.2\\n\\n\\u0000\"]", scene.alice.token);
    assert_eq!(scene.say(&session, &connect).await.status, 204);
    assert!(scene.poll(&session).await.starts_with("a[\"CONNECTED\\nversion:1.2\\n"));
    assert_eq!(scene.say(&session, "[\"DISCONNECT\\n\\n\\u0000\"]").await.status, 204);
    assert_eq!(scene.poll(&session).await, "c[1000,\"\"]\n");
    assert_eq!(scene.poll(&session).await, "c[1000,\"\"]\n");
    assert_eq!(scene.say(&session, "[\"x\"]").await.status, 404, "the session is over");
}

#[tokio::test]
async fn broken_json_on_a_websocket_ends_it() {
    let scene = scene().await;
    for text in ["[\"x", "\"x\"", "{}", "x"] {
        let mut client = StompClient::open(scene.server.address, Carrier::WebSocket).await;
        client.say_to_carrier("").await;
        client.say_to_carrier("[]").await;
        client.say_to_carrier(text).await;
        assert_eq!(client.closed().await, 1007, "{text}");
    }
}

#[tokio::test]
async fn a_session_belongs_to_one_user_one_transport_and_one_receiver() {
    let scene = scene().await;
    let mallory = scene.server.person("Mallory").await;
    let address = scene.server.address;
    let session = new_session();
    let mut client = StompClient::over_http(address, Carrier::Polling, &session, "").await;
    client.connect(&scene.alice.token).await;
    client.subscribe_to(&["messages"]).await;
    let foreign = format!("?token={}", mallory.token);
    for (method, verb) in [(Method::POST, "xhr"), (Method::POST, "xhr_send")] {
        let request = scene.request(method.clone(), &format!("{session}/{verb}{foreign}")).body("[\"\\n\"]");
        assert_eq!(scene.alice.fetch(request).await.status, 404, "{verb}");
        let request = scene.request(method, &format!("{session}/{verb}")).bearer_auth(&mallory.token).body("[\"\\n\"]");
        assert_eq!(scene.alice.fetch(request).await.status, 404, "{verb}");
    }
    for (method, verb) in [(Method::POST, "xhr_streaming"), (Method::GET, "eventsource"), (Method::GET, "htmlfile?c=x")]
    {
        assert_eq!(scene.ask(method, &format!("{session}/{verb}")).await.status, 404, "{verb}");
    }
    // Her own requests may say who they are or nothing, and the first receiver stays.
    for query in [format!("?token={}", scene.alice.token), String::new()] {
        let mut second = Receiver::new(scene.http.clone(), address, Carrier::Polling, &session, &query);
        assert_eq!(second.next().await.as_deref(), Some("c[2010,\"Another connection still open\"]"));
    }
    let group = scene.alice.group("Team", &[&mallory]).await;
    scene.alice.send(group, "Hello").await;
    assert_eq!(client.message("messages").await["content"], "Hello");

    for carrier in [Carrier::Streaming, Carrier::EventSource, Carrier::HtmlFile] {
        let session = new_session();
        let mut client = StompClient::over_http(address, carrier, &session, "").await;
        let mut second = Receiver::new(scene.http.clone(), address, carrier, &session, "");
        assert_eq!(second.next().await.as_deref(), Some("c[2010,\"Another connection still open\"]"));
        client.connect(&scene.alice.token).await;
        let mut foreign = Receiver::new(scene.http.clone(), address, carrier, &session, &foreign);
        assert_eq!(foreign.next().await, None, "{carrier:?}");
    }
    // The name of a session over a WebSocket is nobody's.
    let path = format!("{session}/websocket");
    assert!(shake(address, &path, &[], None).await.is_ok());
    assert!(shake(address, &path, &[], None).await.is_ok());
    client.is_quiet().await;
}

#[tokio::test]
async fn a_session_whose_receiver_is_gone_is_over() {
    let scene = scene().await;
    let session = new_session();
    let client = StompClient::over_http(scene.server.address, Carrier::Streaming, &session, "").await;
    drop(client);
    // The drop is seen at once, not when the next heart-beat is due.
    let again = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        loop {
            let mut receiver =
                Receiver::new(scene.http.clone(), scene.server.address, Carrier::Streaming, &session, "");
            match receiver.next().await.as_deref() {
                Some("c[1002,\"Connection interrupted\"]") => return,
                Some("c[2010,\"Another connection still open\"]") => {}
                other => panic!("{other:?}"),
            }
        }
    });
    again.await.expect("the session is over");
}

#[tokio::test]
async fn a_streaming_response_ends_when_it_is_long_and_the_next_goes_on() {
    let scene = scene().await;
    let bob = scene.server.person("Bob").await;
    let group = scene.alice.group("Team", &[&bob]).await;
    let long = "x".repeat(9_000);
    for carrier in [Carrier::Streaming, Carrier::EventSource, Carrier::HtmlFile] {
        let session = new_session();
        let mut client = StompClient::over_http(scene.server.address, carrier, &session, "").await;
        client.connect(&bob.token).await;
        client.subscribe_to(&["messages"]).await;
        for place in 0..40 {
            scene.alice.send(group, &format!("{place} {long}")).await;
            let told = client.message("messages").await;
            assert!(told["content"].as_str().unwrap().starts_with(&format!("{place} ")), "{carrier:?}");
        }
        assert_eq!(client.next_within(QUIET).await, None);
    }
}
