//! Which core a process runs on, and how many sockets it may have. What is started takes both from whoever starts it.

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Sockets of 15 000 connections, and what else is open.
const FILES: u64 = 40_000;

/// The core of what is measured, and that of what measures it.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    pub server: usize,
    pub bench: usize,
}

impl Cores {
    /// Of `--cores SERVER,BENCH`.
    pub fn of(given: &[usize]) -> Result<Self> {
        let [server, bench] = *given else { anyhow::bail!("--cores takes two: of the server, and of the bench") };
        Ok(Self { server, bench })
    }

    /// Moves this thread to the server's core. What it starts there stays there, with all threads that it makes.
    pub fn move_to_servers(self) -> Result<()> {
        pin(self.server)
    }

    /// Moves this thread to the core of the bench.
    pub fn move_to_own(self) -> Result<()> {
        pin(self.bench)
    }
}

/// Keeps this thread on one core.
fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("there is no core {core} for this process"))
}

/// Raises the number of files that this process, and what it starts, may have open.
pub fn allow_many_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= FILES) {
        return Ok(());
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(FILES));
    // Only the administrator raises what is the most; for others that is as far as it goes.
    let wanted = Rlimit { current: Some(FILES), maximum };
    let reachable = Rlimit { current: limit.maximum.map(|maximum| maximum.min(FILES)), maximum: limit.maximum };
    setrlimit(Resource::Nofile, wanted).or_else(|_| setrlimit(Resource::Nofile, reachable))?;
    Ok(())
}
