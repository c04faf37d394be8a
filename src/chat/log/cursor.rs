//! Places in the log: the cursors that clients come back with, and where the log stands.

use std::fmt;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, EntityTrait};

use crate::entity::log_state;
use crate::error::{Error, Kind, Result};

/// A place in the log of one database: `epoch.position`, at most 64 bytes, the same on every door (protocol §8.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    epoch: Epoch,
    position: i64,
}

/// What tells the log of one database from those of others, for as long as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch(Arc<str>);

impl From<String> for Epoch {
    fn from(epoch: String) -> Self {
        Self(epoch.into())
    }
}

impl Epoch {
    /// The place after the event of this position.
    pub fn cursor(&self, position: i64) -> Cursor {
        Cursor { epoch: self.clone(), position }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.epoch.0, self.position)
    }
}

/// Where the log stands.
#[derive(Debug, Clone)]
pub struct Head {
    pub epoch: Epoch,
    /// The position of the newest event; 0 for none.
    pub position: i64,
    /// Events up to this one were pruned.
    pub pruned: i64,
}

impl Head {
    pub fn cursor(&self, position: i64) -> Cursor {
        self.epoch.cursor(position)
    }

    /// The position that a client's cursor stands for.
    ///
    /// # Errors
    /// `BadRequest` for one that is malformed, of another database or of the future; `CursorExpired` for one whose
    /// successors were pruned.
    pub fn position_of(&self, cursor: &str) -> Result<i64> {
        let bad = || Error::bad_request("The cursor is not valid here");
        let (epoch, position) = (cursor.len() <= 64).then(|| cursor.split_once('.')).flatten().ok_or_else(bad)?;
        // The library reads `+7` and `007`, too.
        let position = position.parse().ok().filter(|known: &i64| known.to_string() == position).ok_or_else(bad)?;
        if epoch != &*self.epoch.0 || !(0..=self.position).contains(&position) {
            return Err(bad());
        }
        if position < self.pruned {
            return Err(Error::new(Kind::CursorExpired, "The cursor is too old, load the conversations anew"));
        }
        Ok(position)
    }
}

/// Reads where the log stands.
pub(super) async fn read_head(db: &impl ConnectionTrait) -> Result<Head> {
    let state = log_state::Entity::find_by_id(log_state::ONLY).one(db).await?;
    let state = state.ok_or_else(|| Error::internal_because("chat_log has lost its row"))?;
    Ok(Head { epoch: state.epoch.into(), position: state.position, pruned: state.pruned_position })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_has_one_cursor() {
        let head = Head { epoch: "e".to_owned().into(), position: 9, pruned: 0 };
        assert_eq!(head.position_of("e.7"), Ok(7));
        assert_eq!(head.position_of("e.0"), Ok(0));
        for other in ["e.07", "e.+7", "e.-7", "e.-0", "e. 7", "e.7.", "e.", "e", "", ".7", "E.7", "e.10"] {
            assert_eq!(head.position_of(other).map_err(|error| error.kind), Err(Kind::BadRequest), "{other:?}");
        }
    }
}
