//! Who is typing on this node, and who was a moment ago. It tells nobody: it says what is to be told, and when.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::id::{ConversationId, UserId};

/// Somebody in a conversation.
pub type Key = (ConversationId, UserId);

/// The typists of this node. An entry is there until [`Typists::next`] says [`Next::Forget`].
#[derive(Default)]
pub struct Typists(Mutex<HashMap<Key, Typist>>);

struct Typist {
    name: String,
    /// When it ends by itself.
    until: Instant,
    /// When it was last told that they type, or would have been in a smaller group.
    told: Instant,
    state: State,
    /// Whether the group is too large to be told.
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The others know that they type.
    Typing,
    /// They began anew so soon after an end that it is not told yet.
    Waiting,
    Ended,
}

/// How often it is told that somebody types in a conversation.
const INTERVAL: Duration = Duration::from_secs(1);

/// What a sign of typing is to be answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It is to be told, and somebody has to ask [`Typists::next`] from now on.
    New,
    /// It is to be told; `again` where the others know already that they type.
    Known { again: bool },
    /// It was told less than [`INTERVAL`] ago.
    TooSoon,
}

/// What is to be done next about somebody who types.
pub enum Next {
    Sleep(Instant),
    Tell { name: String, quiet: bool },
    End,
    Forget,
}

impl Typists {
    /// Somebody types, until `until` if they give no further sign.
    pub fn start(&self, key: Key, name: &str, until: Instant, quiet: bool) -> Start {
        let now = Instant::now();
        let mut typists = self.lock();
        let Some(typist) = typists.get_mut(&key) else {
            let name = name.to_owned();
            typists.insert(key, Typist { name, until, told: now, state: State::Typing, quiet });
            return Start::New;
        };
        typist.until = until;
        if now < typist.told + INTERVAL {
            if typist.state == State::Ended {
                // The group may have grown too large for it meanwhile.
                (typist.state, typist.quiet) = (State::Waiting, quiet);
            }
            return Start::TooSoon;
        }
        typist.told = now;
        typist.quiet = quiet;
        let before = std::mem::replace(&mut typist.state, State::Typing);
        Start::Known { again: before == State::Typing }
    }

    /// They have stopped: under which name that is to be told, and whether the group is too large for it. None where
    /// nobody knew that they typed.
    pub fn end(&self, key: Key) -> Option<(String, bool)> {
        let mut typists = self.lock();
        let typist = typists.get_mut(&key)?;
        let before = std::mem::replace(&mut typist.state, State::Ended);
        (before == State::Typing).then(|| (typist.name.clone(), typist.quiet))
    }

    /// Whether somebody types there, as far as this node knows.
    pub fn knows(&self, key: Key) -> bool {
        self.lock().get(&key).is_some_and(|typist| typist.state != State::Ended)
    }

    /// Somebody else knows more of them: there is nothing to tell any more.
    pub fn forget(&self, key: Key) {
        self.lock().remove(&key);
    }

    /// What is to be done about them now.
    pub fn next(&self, key: Key) -> Next {
        let mut typists = self.lock();
        let now = Instant::now();
        let Some(typist) = typists.get_mut(&key) else { return Next::Forget };
        let next = typist.told + INTERVAL;
        match typist.state {
            State::Typing | State::Waiting if typist.until <= now => Next::End,
            // It may be said at any time that it has ended, and then that it begins anew.
            State::Typing => Next::Sleep(typist.until.min(now + INTERVAL)),
            _ if now < next => Next::Sleep(next),
            State::Waiting => {
                (typist.told, typist.state) = (now, State::Typing);
                Next::Tell { name: typist.name.clone(), quiet: typist.quiet }
            }
            State::Ended => {
                typists.remove(&key);
                Next::Forget
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Typist>> {
        self.0.lock()
    }
}
