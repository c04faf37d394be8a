//! The way from whoever reads records to whoever writes them: portions, few of them at a time, so that neither runs ahead of the
//! other. It knows no record.

use std::fmt;

use tokio::sync::mpsc;

use super::record::Record;

/// Records of a portion, at most. It ends behind a file, too, since that may be large.
pub const PORTION: usize = 2_000;
/// Portions that may wait.
const MAX_WAITING: usize = 1;

/// A record as it was read, or why it could not be, and where it stood.
#[derive(Debug)]
pub struct Entry {
    pub place: String,
    pub record: Result<Record, Unfit>,
}

/// What is no record.
#[derive(Debug)]
pub struct Unfit {
    /// What it is called where it is counted.
    pub kind: &'static str,
    pub reason: String,
}

/// Whoever read the records has ended before all of them had come, and knows why.
#[derive(Debug)]
pub struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("The records broke off")
    }
}

impl std::error::Error for BrokenOff {}

/// Where portions of records come out.
pub struct Inlet {
    from: mpsc::Receiver<Vec<Entry>>,
    is_whole: bool,
}

impl Inlet {
    /// The next portion; none behind the last one.
    ///
    /// # Errors
    /// That whoever read the records has ended before all of them had come.
    pub async fn next(&mut self) -> anyhow::Result<Option<Vec<Entry>>> {
        match self.from.recv().await {
            Some(portion) if portion.is_empty() => {
                self.is_whole = true;
                Ok(None)
            }
            None if !self.is_whole => Err(BrokenOff.into()),
            portion => Ok(portion),
        }
    }
}

/// Where records go in.
pub struct Outlet {
    to: mpsc::Sender<Vec<Entry>>,
    waiting: Vec<Entry>,
}

/// A way for records.
pub fn channel() -> (Outlet, Inlet) {
    let (to, from) = mpsc::channel(MAX_WAITING);
    (Outlet { to, waiting: Vec::new() }, Inlet { from, is_whole: false })
}

impl Outlet {
    /// Adds a record; it waits while two portions are under way.
    ///
    /// # Errors
    /// That nobody takes records any more.
    pub async fn put(&mut self, entry: Entry) -> anyhow::Result<()> {
        let is_large = matches!(entry.record, Ok(Record::File(_)));
        self.waiting.push(entry);
        if is_large || self.waiting.len() >= PORTION { self.flush().await } else { Ok(()) }
    }

    /// Hands over what waits, as the last portion, and says that it is: an empty one follows.
    ///
    /// # Errors
    /// As [`Outlet::put`].
    pub async fn finish(mut self) -> anyhow::Result<()> {
        if !self.waiting.is_empty() {
            self.flush().await?;
        }
        self.flush().await
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        let portion = std::mem::take(&mut self.waiting);
        self.to.send(portion).await.map_err(|_| anyhow::anyhow!("Whoever writes the records has ended"))
    }
}
