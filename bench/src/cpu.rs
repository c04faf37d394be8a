//! How much of the processors processes have used, in nanoseconds, as Linux tells it of each thread.

use std::collections::HashMap;
use std::fs;

/// The processes that are watched: the server, and the database's where it is a server of its own.
#[derive(Clone, Default)]
pub struct Watched {
    pub server: Option<u32>,
    /// The process whose children serve the connections of PostgreSQL.
    pub postmaster: Option<u32>,
}

/// What both have used since some beginning.
#[derive(Clone, Default)]
pub struct Used {
    server: HashMap<u64, u64>,
    database: HashMap<u64, u64>,
}

/// What was used between two readings, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    pub server: f64,
    pub database: f64,
}

impl Watched {
    pub fn read(&self) -> Used {
        let server = self.server.map(threads).unwrap_or_default();
        let database = self.postmaster.map(|parent| children(parent).into_iter().flat_map(threads).collect());
        Used { server, database: database.unwrap_or_default() }
    }
}

impl Used {
    /// What was used from `self` to `later`. A thread that ended meanwhile is not counted.
    pub fn until(&self, later: &Used) -> Cost {
        let between = |before: &HashMap<u64, u64>, after: &HashMap<u64, u64>| {
            let used = after.iter().map(|(thread, used)| used - before.get(thread).copied().unwrap_or(0).min(*used));
            used.sum::<u64>() as f64 / 1_000.0
        };
        Cost { server: between(&self.server, &later.server), database: between(&self.database, &later.database) }
    }
}

/// What each thread of a process has used.
fn threads(process: u32) -> HashMap<u64, u64> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { return HashMap::new() };
    let threads = tasks.filter_map(|task| {
        let task = task.ok()?;
        let used = fs::read_to_string(task.path().join("schedstat")).ok()?;
        Some((task.file_name().to_str()?.parse().ok()?, used.split_whitespace().next()?.parse().ok()?))
    });
    threads.collect()
}

fn children(parent: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.filter_map(|process| process.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

/// The process that started another one.
pub fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
