//! What must hold of sessions over HTTP, said to the router itself, with a clock that jumps.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use sockjs::{Closed, Message, Opening, Options, Origins, Session, router};

const PATH: &str = "/chat/0/session";

/// An endpoint whose sessions the test holds itself.
fn held(options: Options) -> (Router, mpsc::UnboundedReceiver<(Opening, Session)>) {
    let (sender, sessions) = mpsc::unbounded_channel();
    let service = router("/chat", options, move |opening, session| {
        let _ = sender.send((opening, session));
        async {}
    });
    (service, sessions)
}

async fn ask(service: &Router, method: &str, path: &str, body: impl Into<Body>) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).header("host", "a.org").body(body.into()).unwrap();
    service.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

async fn poll(service: &Router) -> String {
    text(ask(service, "POST", &format!("{PATH}/xhr?user=1"), "").await).await
}

async fn deliver(service: &Router, body: &str) -> StatusCode {
    ask(service, "POST", &format!("{PATH}/xhr_send?user=1"), body.to_owned()).await.status()
}

async fn begin(service: &Router, sessions: &mut mpsc::UnboundedReceiver<(Opening, Session)>) -> Session {
    assert_eq!(poll(service).await, "o\n");
    sessions.recv().await.unwrap().1
}

fn messages(texts: &[&str]) -> Vec<Message> {
    texts.iter().map(|text| Message::from(*text)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_arrives_and_what_waits_comes_at_once() {
    let (service, mut sessions) = held(Options::default());
    let mut session = begin(&service, &mut sessions).await;
    assert_eq!(deliver(&service, r#"["a","b\ud83d"]"#).await, StatusCode::NO_CONTENT);
    assert_eq!(deliver(&service, r#"["\udc4d"]"#).await, StatusCode::NO_CONTENT);
    for expected in ["a", "b", "👍"] {
        assert_eq!(session.receive().await, Some(Message::from(expected)));
    }
    session.send(messages(&["x", "y"])).await.unwrap();
    assert_eq!(poll(&service).await, "a[\"x\",\"y\"]\n");
    session.send(messages(&["z"])).await.unwrap();
    session.close(3000, "Go away!").await;
    assert_eq!(poll(&service).await, "a[\"z\"]\n");
    assert_eq!(poll(&service).await, "c[3000,\"Go away!\"]\n");
    assert_eq!(deliver(&service, r#"["a"]"#).await, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn the_opening_tells_the_request() {
    let (service, mut sessions) = held(Options::default());
    assert_eq!(poll(&service).await, "o\n");
    let (opening, _session) = sessions.recv().await.unwrap();
    assert_eq!((opening.id.as_str(), opening.request.uri.query()), ("session", Some("user=1")));
}

#[tokio::test(start_paused = true)]
async fn a_silent_poll_gets_heartbeats_until_they_are_stopped() {
    let (service, mut sessions) = held(Options::default());
    let session = begin(&service, &mut sessions).await;
    let began = Instant::now();
    assert_eq!(poll(&service).await, "h\n");
    assert_eq!(began.elapsed().as_secs(), 25);
    let waiting = tokio::spawn({
        let service = service.clone();
        async move { poll(&service).await }
    });
    sleep(Duration::from_secs(1)).await;
    session.control().stop_heartbeat();
    sleep(Duration::from_secs(3600)).await;
    assert!(!waiting.is_finished());
    session.close(1000, "").await;
    assert_eq!(waiting.await.unwrap(), "c[1000,\"\"]\n");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_receives_from_ends_and_is_forgotten() {
    let (service, mut sessions) = held(Options::default());
    let mut session = begin(&service, &mut sessions).await;
    deliver(&service, r#"["last"]"#).await;
    let began = Instant::now();
    assert_eq!(session.receive().await, Some(Message::from("last")));
    assert_eq!(session.receive().await, None);
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(session.send(messages(&["x"])).await, Err(Closed));
    assert_eq!(poll(&service).await, "o\n");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_breaks_off_ends_the_session() {
    let (service, mut sessions) = held(Options::default());
    let mut session = begin(&service, &mut sessions).await;
    let waiting = tokio::spawn({
        let service = service.clone();
        async move { poll(&service).await }
    });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(poll(&service).await, "c[2010,\"Another connection still open\"]\n");
    waiting.abort();
    assert_eq!(session.receive().await, None);
    assert_eq!(poll(&service).await, "c[1002,\"Connection interrupted\"]\n");
}

#[tokio::test(start_paused = true)]
async fn a_claimed_session_is_not_found_by_others() {
    let identify = |request: &axum::http::request::Parts| {
        let user = request.uri.query().and_then(|query| query.strip_prefix("user=")?.parse().ok());
        async move { user }.boxed()
    };
    let (service, mut sessions) = held(Options { identify: Some(Arc::new(identify)), ..Options::default() });
    let session = begin(&service, &mut sessions).await;
    let path = format!("{PATH}/xhr_send?user=2");
    assert_eq!(ask(&service, "POST", &path, r#"["a"]"#).await.status(), StatusCode::NO_CONTENT);
    session.control().claim(1);
    session.control().claim(2);
    assert_eq!(ask(&service, "POST", &path, r#"["a"]"#).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(ask(&service, "POST", &format!("{PATH}/xhr?user=2"), "").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(deliver(&service, r#"["a"]"#).await, StatusCode::NO_CONTENT);
    assert_eq!(ask(&service, "POST", &format!("{PATH}/xhr_send"), r#"["a"]"#).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test(start_paused = true)]
async fn who_sends_too_much_waits() {
    let (service, mut sessions) = held(Options { message_limit: 10, ..Options::default() });
    let mut session = begin(&service, &mut sessions).await;
    assert_eq!(deliver(&service, r#"["1234567"]"#).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(deliver(&service, r#"["12345"]"#).await, StatusCode::NO_CONTENT);
    let waiting = tokio::spawn({
        let service = service.clone();
        async move { deliver(&service, r#"["6"]"#).await }
    });
    sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    assert_eq!(session.receive().await, Some(Message::from("12345")));
    assert_eq!(waiting.await.unwrap(), StatusCode::NO_CONTENT);
    assert_eq!(session.receive().await, Some(Message::from("6")));
}

#[tokio::test(start_paused = true)]
async fn a_sender_waits_for_a_slow_client() {
    let (service, mut sessions) = held(Options { queue_limit: 4, ..Options::default() });
    let path = format!("{PATH}/xhr_streaming");
    let mut stream = ask(&service, "POST", &path, "").await.into_body().into_data_stream();
    let (_, mut session) = sessions.recv().await.unwrap();
    for expected in [2049, 2] {
        assert_eq!(stream.next().await.unwrap().unwrap().len(), expected);
    }
    session.send(messages(&["1234"])).await.unwrap();
    let waiting = tokio::spawn(async move { (session.send(messages(&["5", "6"])).await, session) });
    sleep(Duration::from_secs(30)).await;
    assert!(!waiting.is_finished());
    assert_eq!(stream.next().await.unwrap().unwrap(), "a[\"1234\"]\n");
    let (sent, session) = waiting.await.unwrap();
    assert_eq!((sent, session.stalled()), (Ok(()), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up() {
    let (service, mut sessions) = held(Options { queue_limit: 4, ..Options::default() });
    let stream = ask(&service, "POST", &format!("{PATH}/xhr_streaming"), "").await.into_body().into_data_stream();
    let (_, mut session) = sessions.recv().await.unwrap();
    session.send(messages(&["1234"])).await.unwrap();
    let began = Instant::now();
    assert_eq!(session.send(messages(&["5"])).await, Err(Closed));
    assert_eq!((began.elapsed().as_secs(), session.stalled().as_secs()), (60, 60));
    let rest: String = stream.map(|part| String::from_utf8(part.unwrap().to_vec()).unwrap()).collect().await;
    assert!(rest.ends_with("\no\na[\"1234\"]\nc[4500,\"Slow consumer\"]\n"), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn sessions_are_only_so_many() {
    let (service, mut sessions) = held(Options { session_limit: 1, ..Options::default() });
    let session = begin(&service, &mut sessions).await;
    assert_eq!(ask(&service, "POST", "/chat/0/other/xhr", "").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(session);
    assert_eq!(poll(&service).await, "c[1000,\"Normal closure\"]\n");
    sleep(Duration::from_secs(6)).await;
    assert_eq!(ask(&service, "POST", "/chat/0/other/xhr", "").await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_strange_origin_is_refused_everywhere_and_may_not_frame_the_page() {
    let (service, _sessions) = held(Options { origins: Origins::SameOrigin, ..Options::default() });
    for (method, path) in
        [("GET", "/info"), ("OPTIONS", "/info"), ("POST", "/0/s/xhr"), ("GET", "/0/s/websocket"), ("GET", "/websocket")]
    {
        for (origin, allowed) in [("https://evil", false), ("null", false), ("https://a.org", true)] {
            let request = Request::builder().method(method).uri(format!("/chat{path}"));
            let request = request.header("host", "a.org").header("origin", origin).body(Body::empty()).unwrap();
            let status = service.clone().oneshot(request).await.unwrap().status();
            assert_eq!(status != StatusCode::FORBIDDEN, allowed, "{path} {origin}");
        }
    }
    let page = ask(&service, "GET", "/chat/iframe.html", "").await;
    assert_eq!(
        (page.status(), page.headers()["content-security-policy"].as_bytes()),
        (StatusCode::OK, &b"frame-ancestors 'self'"[..])
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let (service, mut sessions) = held(Options::default());
    let _session = begin(&service, &mut sessions).await;
    let never = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let response = ask(&service, "POST", &format!("{PATH}/xhr_send"), never).await;
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}
