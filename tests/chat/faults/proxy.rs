//! A way between the server and its database, or another service, that breaks on demand: connections end, are reset, stand still, or end just
//! after a commit was passed on, so that its answer is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// What happens to the next bytes from the server to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// They are passed on.
    Open,
    /// Every connection ends at its next bytes, and new ones as well.
    Closed,
    /// As `Closed`, by a reset.
    Reset,
    /// Nothing is passed on.
    Still,
    /// The next commit is passed on, and its connection ends before the answer; then the way is open.
    AnswerLost,
    /// The next commit is not passed on, and its connection ends; then the way is open.
    CommitLost,
    /// Every commit is passed on, and its connection ends before the answer, until another way is chosen.
    EveryAnswerLost,
}

const WAYS: [Way; 7] =
    [Way::Open, Way::Closed, Way::Reset, Way::Still, Way::AnswerLost, Way::CommitLost, Way::EveryAnswerLost];
/// What the driver says to commit, as a simple query of PostgreSQL's protocol.
const COMMIT: &[u8] = b"COMMIT\0";
/// What stands in the statements that move the log and are committed by themselves, where they are prepared, and how the
/// driver calls what it has prepared.
const MOVES_THE_LOG: &[u8] = b"UPDATE chat_log SET position = position +";
const NAME: &[u8] = b"sqlx_s_";

/// Finds out which bytes from a server to its database commit something.
#[derive(Default)]
struct Commits {
    /// The names of prepared statements that move the log, as they stand where one is run.
    prepared: Vec<Vec<u8>>,
}

impl Commits {
    fn are_in(&mut self, asked: &[u8]) -> bool {
        let found = |what: &[u8], within: &[u8]| within.windows(what.len()).position(|window| window == what);
        if let Some(text) = found(MOVES_THE_LOG, asked) {
            let before = &asked[..text];
            let name = before.windows(NAME.len()).rposition(|window| window == NAME).expect("it is prepared by a name");
            let end = found(&[0], &before[name..]).expect("a name ends");
            self.prepared.push([&[0], &before[name..=name + end]].concat());
            return false;
        }
        asked.ends_with(COMMIT) || self.prepared.iter().any(|name| found(name, asked).is_some())
    }
}

#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    way: Arc<AtomicU8>,
}

impl Proxy {
    /// A way to the service of this address, and the address by it.
    pub async fn before(url: &str) -> (Self, String) {
        let service = reqwest::Url::parse(url).expect("an address");
        let place = format!("{}:{}", service.host_str().expect("a host"), service.port().expect("a port"));
        let there = tokio::net::lookup_host(&place).await.expect("a host").next().expect("an address");
        let proxy = Self::to(there).await;
        let url = url.replacen(&place, &proxy.address.to_string(), 1);
        (proxy, url)
    }

    async fn to(database: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let proxy = Self { address: listener.local_addr().expect("an address"), way: Arc::default() };
        let running = proxy.clone();
        tokio::spawn(async move {
            while let Ok((server, _)) = listener.accept().await {
                let proxy = running.clone();
                tokio::spawn(async move {
                    if let Ok(upstream) = TcpStream::connect(database).await {
                        proxy.carry(server, upstream).await;
                    }
                });
            }
        });
        proxy
    }

    pub fn set(&self, way: Way) {
        let place = WAYS.iter().position(|known| *known == way).expect("one of them");
        self.way.store(place as u8, Ordering::SeqCst);
    }

    pub fn way(&self) -> Way {
        WAYS[usize::from(self.way.load(Ordering::SeqCst))]
    }

    /// Takes the order to break one COMMIT, if there is one and nobody else took it.
    fn takes(&self, order: Way) -> bool {
        let place = WAYS.iter().position(|known| *known == order).expect("one of them") as u8;
        self.way.compare_exchange(place, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    async fn carry(&self, mut server: TcpStream, mut database: TcpStream) {
        let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        let mut commits = Commits::default();
        loop {
            tokio::select! {
                read = server.read(&mut asked) => {
                    let Ok(length @ 1..) = read else { return };
                    let is_commit = commits.are_in(&asked[..length]);
                    while self.way() == Way::Still {
                        sleep(Duration::from_millis(10)).await;
                    }
                    match self.way() {
                        Way::Closed => return,
                        Way::Reset => {
                            server.set_zero_linger().ok();
                            return;
                        }
                        Way::CommitLost if is_commit && self.takes(Way::CommitLost) => return,
                        Way::EveryAnswerLost if is_commit => {
                            return lose_answer(&mut database, &asked[..length], &mut answered).await;
                        }
                        Way::AnswerLost if is_commit && self.takes(Way::AnswerLost) => {
                            return lose_answer(&mut database, &asked[..length], &mut answered).await;
                        }
                        _ => {}
                    }
                    if database.write_all(&asked[..length]).await.is_err() { return }
                }
                read = database.read(&mut answered) => {
                    let Ok(length @ 1..) = read else { return };
                    while self.way() == Way::Still {
                        sleep(Duration::from_millis(10)).await;
                    }
                    if server.write_all(&answered[..length]).await.is_err() { return }
                }
            }
        }
    }
}

/// Passes a commit on. The database has answered when this returns: it is committed, and nobody will know.
async fn lose_answer(database: &mut TcpStream, commit: &[u8], answered: &mut [u8]) {
    database.write_all(commit).await.ok();
    let _lost = database.read(answered).await;
}
