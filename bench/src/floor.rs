//! The floor of `writes`: a bare loop that writes the rows of messages with the guarantee that the server gives, over one
//! connection. Nothing is checked, answered or told.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::database::Db;
use crate::rows::{Row, Writer};
use crate::words;

/// What the loop came to.
pub struct Floor {
    pub messages_per_second: f64,
    pub commits_per_second: f64,
}

/// A database with rooms in it.
pub struct Loop {
    writer: Writer,
    sent: usize,
}

impl Loop {
    pub async fn open(db: Db) -> Result<Self> {
        Ok(Self { writer: Writer::open(db).await?, sent: 0 })
    }

    /// Writes `batch` messages to a commit for `duration`, into rooms in turn.
    pub async fn run(&mut self, rooms: &[i64], people: i64, batch: usize, duration: Duration) -> Result<Floor> {
        let started = Instant::now();
        let mut commits = 0;
        while started.elapsed() < duration {
            let rows = (self.sent..self.sent + batch).map(|number| Row {
                conversation: rooms[number % rooms.len()],
                sender: 1 + number as i64 % people,
                text: words::message(number as u64),
            });
            self.writer.commit(rows.collect()).await?;
            self.sent += batch;
            commits += 1;
        }
        let seconds = started.elapsed().as_secs_f64();
        Ok(Floor {
            messages_per_second: (commits * batch) as f64 / seconds,
            commits_per_second: f64::from(u32::try_from(commits)?) / seconds,
        })
    }
}
