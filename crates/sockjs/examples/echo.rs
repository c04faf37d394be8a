//! The library alone, as the server that the test suite of the protocol expects.
//! It serves `/echo`, `/disabled_websocket_echo`, `/cookie_needed_echo`, `/close` and `/amplify`.

use std::net::IpAddr;

use axum::Router;
use axum::serve::ListenerExt;
use clap::Parser;
use sockjs::{Message, Opening, Options, Origins, Session, router};
use tokio::net::TcpListener;

/// A SockJS test server
#[derive(Parser)]
struct Arguments {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port to listen on; 0 lets the system choose
    #[arg(long, default_value_t = 8081)]
    port: u16,
}

/// `/amplify` sends at most two to this power letters.
const MAX_POWER: f64 = 19.0;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let Arguments { host, port } = Arguments::parse();
    let listener = TcpListener::bind((host, port)).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    // Without this a small frame may wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, services()).await
}

fn services() -> Router {
    let plain = Options { origins: Origins::Any, stream_limit: 4096, ..Options::default() };
    let without_websocket = Options { websocket: false, raw_websocket: false, ..plain.clone() };
    let with_cookie = Options { cookie_needed: true, set_cookie: true, ..plain.clone() };
    Router::new()
        .merge(router("/echo", plain.clone(), echo))
        .merge(router("/disabled_websocket_echo", without_websocket, echo))
        .merge(router("/cookie_needed_echo", with_cookie, echo))
        .merge(router("/close", plain.clone(), close))
        .merge(router("/amplify", plain, amplify))
}

/// Sends back what it receives.
async fn echo(opening: Opening, mut session: Session) {
    // The request is of no use any more, and keeps the buffer that it was read into.
    drop(opening);
    while let Some(message) = session.receive().await {
        if session.send(vec![message]).await.is_err() {
            return;
        }
    }
}

/// Closes at once.
async fn close(_: Opening, session: Session) {
    session.close(3000, "Go away!").await;
}

/// Answers a number with two to this power letters.
async fn amplify(_: Opening, mut session: Session) {
    while let Some(message) = session.receive().await {
        let bytes = message.into_bytes();
        let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse::<f64>().ok());
        let power = number.filter(|number| !number.is_nan()).unwrap_or(1.0).clamp(0.0, MAX_POWER).floor();
        let letters = "x".repeat(2_f64.powf(power) as usize);
        if session.send(vec![Message::from(letters)]).await.is_err() {
            return;
        }
    }
}
