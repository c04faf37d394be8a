//! Where a connection lies while it waits. Its own task takes it up for what its client and its clocks bring. Whoever has
//! events for it takes it up, too, tells them in place and lays it back: of a listener's many turns nearly all are of that
//! kind, and none of them needs its task, with all that a task is.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Gone, Message, Protocol, Step, Wire};

/// Turns that are taken in place at once. A connection that has more to tell goes on in its task, in turn with the others.
const MAX_TURNS: usize = 4;
/// How long it takes at most until whoever delivers gives others their turn.
const MAX_TIME_IN_PLACE: Duration = Duration::from_micros(500);
/// Messages that a connection keeps room for while it waits.
pub(super) const MAX_KEPT_MESSAGES: usize = 2;

/// A connection: what it speaks, what carries it, and what is to be written.
pub(super) struct Connection<W, P> {
    pub wire: W,
    pub protocol: P,
    pub out: Vec<Message>,
}

/// What was begun in place, and is for the task to go on with.
pub(super) enum Begun<W, P> {
    /// Telling that waits for something.
    Telling(Telling<W, P>),
    /// What was told, with what it led to.
    Told(Box<Connection<W, P>>, Told),
    /// The client is gone.
    Gone(Box<Connection<W, P>>),
    /// Telling has panicked, and the connection is lost.
    Lost,
}

/// What telling led to.
pub(super) struct Told {
    pub step: Step,
    /// Whether the wire has taken some of it and not written it.
    pub is_unwritten: bool,
}

impl From<Step> for Told {
    fn from(step: Step) -> Self {
        Self { step, is_unwritten: false }
    }
}

/// A turn of telling, which gives the connection back.
pub(super) type Telling<W, P> = Pin<Box<dyn Future<Output = (Box<Connection<W, P>>, Step)> + Send>>;

/// The place of one connection. As a waker it wakes the connection's task, or has events told in place, as
/// [`tell_in_place`] asks for.
pub(super) struct Desk<W, P>(Mutex<State<W, P>>);

struct State<W, P> {
    place: Place<W, P>,
    /// Whether it was woken while somebody had taken the connection up, who then has to look for events.
    is_woken: bool,
    /// Whether the task has looked for the connection while somebody else had taken it up.
    is_wanted: bool,
    task: Option<Waker>,
}

/// Clears the desk: what lies there when its task ends is dropped.
pub(super) struct Cleared<W, P>(pub Arc<Desk<W, P>>);

impl<W, P> Drop for Cleared<W, P> {
    fn drop(&mut self) {
        let left = std::mem::replace(&mut self.0.0.lock().place, Place::Cleared);
        // Without the lock, since all kinds of things go with it.
        drop(left);
    }
}

enum Place<W, P> {
    Lying(Box<Connection<W, P>>),
    Taken,
    /// In a box: the desk of a listener is one line of memory.
    Begun(Box<Begun<W, P>>),
    /// The task is gone. Whoever has the connection drops it.
    Cleared,
}

/// What the task finds.
pub(super) enum Found<W, P> {
    Connection(Box<Connection<W, P>>),
    Begun(Begun<W, P>),
}

impl<W: Wire + 'static, P: Protocol + 'static> Desk<W, P> {
    /// The desk of a connection which its task has taken up.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { place: Place::Taken, is_woken: false, is_wanted: false, task: None })))
    }

    /// Takes the connection up, once nobody else has.
    pub fn poll_take(&self, task: &mut Context<'_>) -> Poll<Found<W, P>> {
        let mut state = self.0.lock();
        match std::mem::replace(&mut state.place, Place::Taken) {
            Place::Lying(connection) => {
                state.is_woken = false;
                Poll::Ready(Found::Connection(connection))
            }
            Place::Begun(begun) => Poll::Ready(Found::Begun(*begun)),
            Place::Taken | Place::Cleared => {
                state.is_wanted = true;
                state.wait(task);
                Poll::Pending
            }
        }
    }

    /// Lays it back, and waits until there is something for the task.
    pub fn lay_back(&self, connection: Box<Connection<W, P>>, task: &Context<'_>) {
        let mut state = self.0.lock();
        state.wait(task);
        state.place = Place::Lying(connection);
        if std::mem::take(&mut state.is_woken) {
            // In a poll of its own, since what was polled may have used up what one poll may do.
            state.wake_task();
        }
    }

    /// Tells the events that there are. One connection that fails takes no other one with it.
    fn wake_up(self: &Arc<Self>) {
        if catch_unwind(AssertUnwindSafe(|| self.tell())).is_err() {
            self.hand_over(Begun::Lost);
        }
    }

    /// Tells the events that there are, if the connection lies here; otherwise whoever has it looks for them.
    fn tell(self: &Arc<Self>) {
        let mut connection = {
            let mut state = self.0.lock();
            match std::mem::replace(&mut state.place, Place::Taken) {
                Place::Lying(connection) if connection.protocol.tells_in_place() => connection,
                other => {
                    // Whoever has it looks again, or its task does.
                    if matches!(other, Place::Lying(_)) {
                        state.wake_task();
                    }
                    state.place = other;
                    state.is_woken = true;
                    return;
                }
            }
        };
        let waker = Waker::from(Arc::clone(self));
        let mut task = Context::from_waker(&waker);
        let mut turns = 0;
        loop {
            let has_events = pin!(connection.protocol.wait_for_events()).poll(&mut task).is_ready();
            if !has_events {
                match self.lay_aside(connection) {
                    None => return,
                    Some(woken) if turns < MAX_TURNS => connection = woken,
                    Some(woken) => return self.hand_over(Begun::Told(woken, Step::Go.into())),
                }
                turns += 1;
                continue;
            }
            if turns >= MAX_TURNS {
                // The events are kept by the protocol, and waiting for them ends at once.
                return self.hand_over(Begun::Told(connection, Step::Go.into()));
            }
            turns += 1;
            let mut telling: Telling<W, P> = Box::pin(async move {
                let Connection { protocol, out, .. } = &mut *connection;
                let step = protocol.on_events(out).await;
                (connection, step)
            });
            let (told, step) = match telling.as_mut().poll(&mut task) {
                Poll::Ready(told) => told,
                Poll::Pending => return self.hand_over(Begun::Telling(telling)),
            };
            connection = told;
            if !connection.out.is_empty() {
                let Connection { wire, out, .. } = &mut *connection;
                match wire.poll_send(&mut task, out) {
                    Poll::Ready(Ok(())) => {
                        out.shrink_to(MAX_KEPT_MESSAGES);
                        connection.protocol.on_written(Instant::now());
                    }
                    Poll::Ready(Err(Gone)) => return self.hand_over(Begun::Gone(connection)),
                    Poll::Pending => {
                        return self.hand_over(Begun::Told(connection, Told { step, is_unwritten: true }));
                    }
                }
            }
            if !matches!(step, Step::Go) {
                return self.hand_over(Begun::Told(connection, step.into()));
            }
        }
    }

    /// Lays it back after telling. Where it was woken meanwhile, the caller has to look for events once more.
    fn lay_aside(&self, connection: Box<Connection<W, P>>) -> Option<Box<Connection<W, P>>> {
        let mut state = self.0.lock();
        if matches!(state.place, Place::Cleared) {
            // What goes with the connection goes without the lock.
            drop(state);
            return None;
        }
        if std::mem::take(&mut state.is_woken) {
            return Some(connection);
        }
        state.place = Place::Lying(connection);
        if std::mem::take(&mut state.is_wanted) {
            state.wake_task();
        }
        None
    }

    fn hand_over(&self, begun: Begun<W, P>) {
        let mut state = self.0.lock();
        if matches!(state.place, Place::Cleared) {
            drop(state);
            return;
        }
        state.place = Place::Begun(Box::new(begun));
        state.is_wanted = false;
        state.wake_task();
    }
}

impl<W, P> State<W, P> {
    fn wait(&mut self, task: &Context<'_>) {
        match &mut self.task {
            Some(known) => known.clone_from(task.waker()),
            none => *none = Some(task.waker().clone()),
        }
    }

    fn wake_task(&self) {
        self.task.iter().for_each(Waker::wake_by_ref);
    }
}

impl<W: Wire + 'static, P: Protocol + 'static> Wake for Desk<W, P> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if IS_IN_PLACE.replace(false) {
            self.wake_up();
            IS_IN_PLACE.set(true);
        } else {
            let mut state = self.0.lock();
            state.is_woken = true;
            state.wake_task();
        }
    }
}

thread_local! {
    /// Whether whoever wakes a connection right now does it to have events told.
    static IS_IN_PLACE: Cell<bool> = const { Cell::new(false) };
}

/// Wakes connections that have events, with no lock held: those that wait for nothing else tell them right then. Whatever else
/// wakes a connection wakes its task, wherever that happens.
///
/// Where that takes long it stops after some of them, and is to be called for the others when whoever else waits had their
/// turn: true once nobody is left.
#[must_use = "those who are left wait to be woken"]
pub fn tell_in_place(waiting: &mut impl ExactSizeIterator<Item = Waker>) -> bool {
    let began = Instant::now();
    for waiter in waiting.by_ref() {
        IS_IN_PLACE.set(true);
        waiter.wake();
        IS_IN_PLACE.set(false);
        if began.elapsed() >= MAX_TIME_IN_PLACE {
            break;
        }
    }
    waiting.len() == 0
}

#[cfg(test)]
mod tests;
