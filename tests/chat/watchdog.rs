//! Ends the run when a test does not end, and says which one: the limit of a whole run would end it without a word.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

/// How long a test may hold a server or a folder of its own, on a machine however busy. Long forms take what they take.
const LIMIT: Duration = Duration::from_secs(15 * 60);
const LOOKS_EVERY: Duration = Duration::from_secs(5);

static WATCHED: Mutex<Vec<(u64, Instant, String)>> = Mutex::new(Vec::new());
static WATCHING: Once = Once::new();
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Something that a test holds, watched until it is dropped.
pub struct Watched(u64);

impl Watched {
    /// Begins with it, for the test that asks.
    pub fn new() -> Self {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        // A test's thread has its name.
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        WATCHED.lock().unwrap_or_else(PoisonError::into_inner).push((id, Instant::now(), test));
        if std::env::var_os("CONFAB_FAULTS").is_none() && std::env::var_os("CONFAB_MODEL_CASES").is_none() {
            WATCHING.call_once(|| drop(std::thread::spawn(watch)));
        }
        Self(id)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        WATCHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|(id, ..)| *id != self.0);
    }
}

fn watch() {
    loop {
        std::thread::sleep(LOOKS_EVERY);
        let watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, _, test)) = watched.iter().find(|(_, since, _)| since.elapsed() > LIMIT) else { continue };
        // Past what keeps the output of tests that pass.
        let said = format!("\n{test} has not ended within {} minutes: the run is over\n", LIMIT.as_secs() / 60);
        std::io::stderr().write_all(said.as_bytes()).ok();
        std::process::abort();
    }
}
