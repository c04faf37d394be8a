//! What every way has to do, whatever carries it: one test for all of them. That within the process always runs; the others
//! where the address of a server of their own is given, which `scripts/test --only cluster` starts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::amqp::Amqp;
use super::postgres::Postgres;
use super::redis::Redis;
use super::way::{Heard, Way};
use super::{Backplane, Listener, Speaker};
use crate::cluster::frame::{Frame, News, Seal};

/// How long a frame may take on a busy machine, and how long it may take to notice that nothing comes any more.
const SOON: Duration = Duration::from_secs(10);
const NOTICED: Duration = Duration::from_secs(15);

/// The way within one process.
#[derive(Clone)]
struct Loopback {
    frames: broadcast::Sender<String>,
    broken: watch::Receiver<State>,
}

struct LoopbackListener(broadcast::Receiver<String>, watch::Receiver<State>);
struct LoopbackSpeaker(broadcast::Sender<String>, watch::Receiver<State>);

impl Backplane for Loopback {
    const NAME: &'static str = "loopback";
    const MAX_FRAME_BYTES: usize = 64 * 1024;
    type Speaker = LoopbackSpeaker;
    type Listener = LoopbackListener;

    async fn connect(&self) -> anyhow::Result<(LoopbackSpeaker, LoopbackListener)> {
        let mut state = self.broken.clone();
        anyhow::ensure!(*state.borrow_and_update() == State::Passes, "it is cut");
        Ok((LoopbackSpeaker(self.frames.clone(), state.clone()), LoopbackListener(self.frames.subscribe(), state)))
    }
}

impl Speaker for LoopbackSpeaker {
    async fn tell(&mut self, frame: &str) -> anyhow::Result<()> {
        self.1.wait_for(|state| *state != State::Stalls).await?;
        anyhow::ensure!(*self.1.borrow() != State::Cut, "it is cut");
        self.0.send(frame.to_owned())?;
        Ok(())
    }
}

impl Listener for LoopbackListener {
    async fn next(&mut self) -> anyhow::Result<String> {
        let frame = tokio::select! {
            frame = self.0.recv() => frame?,
            _ = self.1.wait_for(|state| *state == State::Cut) => anyhow::bail!("it is cut"),
        };
        self.1.wait_for(|state| *state != State::Stalls).await?;
        Ok(frame)
    }
}

/// What happens to bytes on their way to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Passes,
    /// Connections stay, and carry nothing.
    Stalls,
    /// Connections end, and none is made.
    Cut,
}

/// A TCP proxy before a server of a test.
async fn proxied(server: String) -> io::Result<(u16, watch::Sender<State>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let (sender, state) = watch::channel(State::Passes);
    tokio::spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            let (server, mut state) = (server.clone(), state.clone());
            tokio::spawn(async move {
                if *state.borrow() == State::Cut {
                    return;
                }
                let Ok(mut there) = TcpStream::connect(server).await else { return };
                loop {
                    tokio::select! {
                        _ = copy_bidirectional(&mut here, &mut there) => return,
                        _ = state.wait_for(|state| *state != State::Passes) => {}
                    }
                    if state.wait_for(|state| *state != State::Stalls).await.is_err() || *state.borrow() == State::Cut {
                        return;
                    }
                }
            });
        }
    });
    Ok((port, sender))
}

/// A node on a way, and what it hears of others.
struct OnWay {
    name: &'static str,
    way: Arc<Way>,
    heard: mpsc::Receiver<Heard>,
    seal: Seal,
    number: u64,
    stop: CancellationToken,
    beating: Arc<AtomicBool>,
}

impl OnWay {
    fn start<B: Backplane>(name: &'static str, backplane: B, seal: &Seal) -> Self {
        let (way, stop, beating) = (Way::of::<B>(), CancellationToken::new(), Arc::new(AtomicBool::new(true)));
        let (sender, heard) = mpsc::channel(4096);
        let run = Arc::clone(&way).run(backplane, name.to_owned(), seal.clone(), sender, || {}, stop.clone());
        tokio::spawn(run);
        let (beats, ended, to, seal) = (Arc::clone(&beating), stop.clone(), Arc::clone(&way), seal.clone());
        let frames = seal.clone();
        tokio::spawn(async move {
            while ended.run_until_cancelled(sleep(Duration::from_millis(200))).await.is_some() {
                if beats.load(Ordering::Relaxed) {
                    let news = News::Beat { head: 0, draining: false };
                    to.push(frames.close(&Frame { node: name.to_owned(), number: 0, at: 0, news }));
                }
            }
        });
        Self { name, way, heard, seal, number: 0, stop, beating }
    }

    async fn until(&self, up: bool, within: Duration) -> Duration {
        let began = Instant::now();
        while self.way.is_up() != up {
            assert!(
                began.elapsed() < within,
                "{}: not {} within {within:?}",
                self.way.name,
                if up { "up" } else { "deaf" }
            );
            sleep(Duration::from_millis(10)).await;
        }
        began.elapsed()
    }

    fn tell(&mut self, text: &str) {
        self.number += 1;
        let news = News::Signals(RawValue::from_string(format!("{text:?}")).unwrap());
        self.way.push(self.seal.close(&Frame { node: self.name.to_owned(), number: self.number, at: 0, news }));
    }

    /// What the others signal next, and whether a gap was told before.
    async fn next(&mut self) -> (String, bool) {
        let mut gap = false;
        loop {
            match timeout(SOON, self.heard.recv()).await.expect("it is heard soon").expect("it goes on") {
                Heard::Gap => gap = true,
                Heard::Frame(Frame { news: News::Signals(text), .. }) => {
                    return (serde_json::from_str(text.get()).unwrap(), gap);
                }
                Heard::Frame(_) => {}
            }
        }
    }
}

impl Drop for OnWay {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// `make` makes the way of one node, `state` is what lies before the server.
async fn conforms<B: Backplane>(make: impl Fn() -> B, state: &watch::Sender<State>) {
    let seal = Seal::new(b"the key", "0123456789abcdef");
    let mut alice = OnWay::start("alice", make(), &seal);
    let mut bob = OnWay::start("bob", make(), &seal);
    let mut stranger = OnWay::start("mallory", make(), &Seal::new(b"another key", "0123456789abcdef"));
    for node in [&alice, &bob, &stranger] {
        node.until(true, SOON).await;
    }

    // Whatever one tells the others hear, in its order, and once.
    stranger.tell("forged");
    for number in 0..500 {
        alice.tell(&number.to_string());
    }
    assert_eq!(bob.next().await, ("0".to_owned(), true), "that it began to hear is a gap");
    for number in 1..500 {
        assert_eq!(bob.next().await.0, number.to_string());
    }
    // As long as a frame may be.
    let envelope = seal.close(&Frame {
        node: "alice".to_owned(),
        number: 501,
        at: 0,
        news: News::Signals(RawValue::from_string("\"\"".to_owned()).unwrap()),
    });
    let long = "x".repeat(B::MAX_FRAME_BYTES - envelope.len());
    alice.tell(&long);
    assert_eq!(bob.next().await.0.len(), long.len());

    // An outage: both notice, what is told meanwhile costs nothing and may be lost, and afterwards all is well.
    for fault in [State::Cut, State::Stalls] {
        state.send_replace(fault);
        for node in [&alice, &bob] {
            node.until(false, NOTICED).await;
        }
        for number in 0..10_000 {
            alice.tell(&format!("lost {number}"));
        }
        state.send_replace(State::Passes);
        for node in [&alice, &bob] {
            let took = node.until(true, NOTICED).await;
            println!("{}: {} hears itself again {took:?} after {fault:?}", alice.way.name, node.name);
        }
        alice.tell("after");
        let mut gap = false;
        loop {
            let (text, told) = bob.next().await;
            gap |= told;
            if text == "after" {
                break;
            }
        }
        assert!(gap, "something may have been missed, and that was not told");
    }

    // Who does not hear itself knows that it is deaf, though the connection is there.
    alice.beating.store(false, Ordering::Relaxed);
    alice.until(false, NOTICED).await;
    alice.beating.store(true, Ordering::Relaxed);
    alice.until(true, NOTICED).await;
    bob.tell("again");
    assert_eq!(alice.next().await.0, "again");
}

#[tokio::test(flavor = "multi_thread")]
async fn within_one_process_what_is_told_is_heard() {
    let (state, broken) = watch::channel(State::Passes);
    let frames = broadcast::Sender::new(16_384);
    conforms(|| Loopback { frames: frames.clone(), broken: broken.clone() }, &state).await;
}

/// The address of a server with a proxy before it; none where there is no such server.
async fn before(variable: &str) -> Option<(String, watch::Sender<State>)> {
    let url = std::env::var(variable).ok()?;
    let server = reqwest::Url::parse(&url).expect("an address");
    let (host, port) = (server.host_str().expect("a host"), server.port().expect("a port"));
    let (proxy, state) = proxied(format!("{host}:{port}")).await.expect("a proxy");
    Some((url.replace(&format!("{host}:{port}"), &format!("127.0.0.1:{proxy}")), state))
}

#[tokio::test(flavor = "multi_thread")]
async fn through_postgresql_what_is_told_is_heard() {
    let Some((url, state)) = before("CONFAB_TEST_DATABASE").await else { return };
    conforms(|| Postgres::at(&url).unwrap(), &state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_redis_what_is_told_is_heard() {
    let Some((url, state)) = before("CONFAB_TEST_REDIS").await else { return };
    conforms(|| Redis::at(&url, "0123456789abcdef").unwrap(), &state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_rabbitmq_what_is_told_is_heard() {
    let Some((url, state)) = before("CONFAB_TEST_RABBITMQ").await else { return };
    conforms(|| Amqp::at(&url, "0123456789abcdef"), &state).await;
}
