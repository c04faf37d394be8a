//! The server that is measured: the released binary, started as an operator would start it, without limits on what one
//! user may do.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::cpu::{Watched, parent_of};
use crate::database::Home;
use crate::http::Client;
use crate::token::{SECRET, token};

/// How long a server may take to be ready, migrations included.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How long it may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Everything of which one user could do no more than a person does.
const NO_LIMITS: [&str; 7] = [
    "limits.messages_per_minute=0",
    "limits.uploads_per_minute=0",
    "limits.reactions_per_minute=0",
    "limits.creations_per_minute=0",
    "limits.searches_per_minute=0",
    "limits.connections_per_user=0",
    "log.level=warn",
];

/// A running server. It is killed where it is not stopped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub watched: Watched,
}

impl Server {
    pub async fn start(binary: &Path, home: &Home) -> Result<Self> {
        Self::start_with(binary, home, &[]).await
    }

    /// The same with further settings, as `key=value`.
    pub async fn start_with(binary: &Path, home: &Home, settings: &[String]) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = command(binary, home);
        for setting in settings {
            command.args(["--set", setting]);
        }
        command.args(["--set", &format!("server.bind={port}"), "serve"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.with_context(|| format!("{} cannot be started", binary.display()))?;
        let watched = Watched { server: Some(child.id()), postmaster: None };
        let mut server = Self { child, address: port, watched };
        server.wait_until_ready().await?;
        let mut db = home.open().await?;
        server.watched.postmaster = db.process().await?.and_then(parent_of);
        db.close().await?;
        Ok(server)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let until = Instant::now() + START_TIMEOUT;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended: {status}");
            }
            if let Ok(mut client) = Client::connect(self.address, "").await
                && let Ok(answer) = client.exchange(&client.prepare("GET", "/health/ready", "")).await
                && answer.status == 200
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the server was not ready in time")
    }

    /// A connection as a user.
    pub async fn client(&self, user: i64) -> Result<Client> {
        Client::connect(self.address, &token(user)).await
    }

    /// How many batches the writer has committed, and how many changes were in them.
    pub async fn batches(&self) -> Result<(f64, f64)> {
        Ok((self.metric("confab_batch_changes_count").await?, self.metric("confab_batch_changes_sum").await?))
    }

    /// The sum of all lines of a metric, whatever their labels are; 0 where it was never counted.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let mut client = self.client(1).await?;
        let request = client.prepare("GET", "/metrics", "");
        let page = String::from_utf8(client.exchange(&request).await?.body)?;
        let figure = |line: &str| {
            let rest = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '{']))?;
            rest.rsplit_once(' ')?.1.parse::<f64>().ok()
        };
        Ok(page.lines().filter_map(figure).sum())
    }

    /// Sends a signal to its process.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let process = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("a process without an id")?;
        Ok(kill_process(process, signal)?)
    }

    /// Ends it as an operator would.
    pub async fn stop(mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let until = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < until {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the server did not stop in time")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Runs one command of the binary over the database of `home`, and tells what it printed.
pub fn run(binary: &Path, home: &Home, what: &str) -> Result<String> {
    let done = command(binary, home).arg(what).output().context("the command cannot be run")?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    ensure!(done.status.success(), "confab {what}: {said}{}", String::from_utf8_lossy(&done.stderr));
    Ok(said)
}

/// The program as it is measured, for whatever it is told to do.
pub fn command(binary: &Path, home: &Home) -> Command {
    let mut command = Command::new(binary);
    let folder: PathBuf = home.folder.clone();
    let own = [
        format!("server.data_dir={}", folder.display()),
        format!("database.url={}", home.url()),
        format!("auth.jwt_secret={SECRET}"),
    ];
    for setting in own.iter().map(String::as_str).chain(NO_LIMITS) {
        command.args(["--set", setting]);
    }
    // Whatever the shell has set for another server is not meant for this one.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CONFAB_")) {
        command.env_remove(name);
    }
    command
}
