//! What must hold of sessions on WebSockets, said by a real client to a real listener.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use sockjs::{Opening, Options, Origins, Session, router};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{WebSocketStream, client_async};

const FRAMED: &str = "/0/session/websocket";
const RAW: &str = "/websocket";
/// A path at which the application accepts WebSockets by itself.
const OWN: &str = "/own";

type Client = WebSocketStream<TcpStream>;

/// Sends back what it receives, and closes at the word `close`.
async fn echo(mut session: Session) {
    while let Some(message) = session.receive().await {
        if message == "close".into() {
            return session.close(3000, "Go away!").await;
        }
        session.send(vec![message]).await.unwrap();
    }
}

/// A client of an endpoint that sends back what it receives.
async fn client(options: Options, path: &str) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let own = options.clone();
    let accept = move |upgrade| async move { sockjs::accept(upgrade, &own, echo) };
    let service = Router::new().nest("/chat", Router::new().route(OWN, get(accept))).merge(router(
        "/chat",
        options,
        async |_: Opening, session: Session| echo(session).await,
    ));
    tokio::spawn(async move { axum::serve(listener, service).await });
    let stream = TcpStream::connect(address).await.unwrap();
    client_async(format!("ws://{address}/chat{path}"), stream).await.unwrap().0
}

fn any() -> Options {
    Options { origins: Origins::Any, ..Options::default() }
}

async fn text(client: &mut Client) -> String {
    client.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

/// The code and the reason with which the server closes.
async fn closing(client: &mut Client) -> (u16, String) {
    loop {
        if let Frame::Close(Some(close)) = client.next().await.unwrap().unwrap() {
            return (close.code.into(), close.reason.to_string());
        }
    }
}

#[tokio::test]
async fn a_framed_one_opens_answers_and_closes_as_the_protocol_says() {
    let mut client = client(any(), FRAMED).await;
    assert_eq!(text(&mut client).await, "o");
    for ignored in ["", "[]"] {
        client.send(ignored.into()).await.unwrap();
    }
    client.send(r#"["a\ud83d","\udc4d"]"#.into()).await.unwrap();
    assert_eq!(text(&mut client).await, r#"a["a"]"#);
    assert_eq!(text(&mut client).await, r#"a["\ud83d\udc4d"]"#);
    client.send(r#"["close"]"#.into()).await.unwrap();
    assert_eq!(text(&mut client).await, r#"c[3000,"Go away!"]"#);
    assert_eq!(closing(&mut client).await, (3000, "Go away!".to_owned()));
}

#[tokio::test]
async fn a_raw_one_carries_messages_as_they_are() {
    for path in ["", "/", RAW, OWN] {
        let mut client = client(any(), path).await;
        for frame in [Frame::text("[\"a\"]\u{ffff}"), Frame::binary(vec![0, 0xff]), Frame::text("x".repeat(262_144))] {
            client.send(frame.clone()).await.unwrap();
            assert_eq!(client.next().await.unwrap().unwrap(), frame);
        }
        client.send("close".into()).await.unwrap();
        assert_eq!(closing(&mut client).await, (3000, "Go away!".to_owned()));
    }
}

#[tokio::test]
async fn what_cannot_be_understood_closes_and_says_why() {
    let cases = [
        (FRAMED, Frame::text("[\"a"), 1007),
        (FRAMED, Frame::text("\"a\""), 1007),
        (FRAMED, Frame::binary(vec![1]), 1003),
        (FRAMED, Frame::text("x".repeat(262_145)), 1009),
        (RAW, Frame::text("x".repeat(262_145)), 1009),
        (RAW, Frame::binary(vec![0; 2_000_000]), 1009),
        (OWN, Frame::text("x".repeat(262_145)), 1009),
    ];
    for (path, frame, code) in cases {
        let mut client = client(any(), path).await;
        client.send(frame).await.unwrap();
        assert_eq!(closing(&mut client).await.0, code, "{path}");
    }
}

#[tokio::test]
async fn a_flood_of_pings_is_stopped() {
    for path in [FRAMED, RAW, OWN] {
        let mut client = client(any(), path).await;
        for _ in 0..101 {
            client.feed(Frame::Ping(Default::default())).await.unwrap();
        }
        client.flush().await.unwrap();
        assert_eq!(closing(&mut client).await, (1008, "Too many control frames".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_client_hears_why_it_is_closed_although_the_application_sends_at_that_moment() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router("/chat", any(), async |_: Opening, mut session: Session| {
        loop {
            // Every await of the session is cut off again and again.
            match tokio::time::timeout(Duration::from_millis(1), session.receive()).await {
                Ok(None) => return,
                _ => match session.send(vec!["news".into()]).await {
                    Ok(()) => (),
                    Err(_) => return,
                },
            }
        }
    });
    tokio::spawn(async move { axum::serve(listener, service).await });
    for _ in 0..20 {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut client = client_async(format!("ws://{address}/chat{RAW}"), stream).await.unwrap().0;
        client.send(Frame::text("x".repeat(262_145))).await.unwrap();
        assert_eq!(closing(&mut client).await, (1009, "The message is too large".to_owned()));
    }
}

#[tokio::test]
async fn who_answers_pings_stays_and_who_does_not_is_gone() {
    let options = Options { heartbeat: Duration::from_millis(150), ..any() };
    let mut lively = client(options.clone(), FRAMED).await;
    let (mut beats, mut pings) = (0, 0);
    while beats < 4 || pings < 4 {
        match lively.next().await.unwrap().unwrap() {
            Frame::Ping(_) => pings += 1,
            Frame::Text(text) if text == "h" => beats += 1,
            other => assert_eq!(other, Frame::text("o")),
        }
    }
    let silent = client(options, RAW).await.into_inner();
    loop {
        silent.readable().await.unwrap();
        match silent.try_read(&mut [0; 64]) {
            Ok(0) => return,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
            Ok(_) => (),
        }
    }
}
