//! What becomes of a connection between its task and those who deliver.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::Notify;

use super::*;
use crate::connection::endings::Endings;
use crate::connection::{Goodbye, SessionLog, run};
use crate::id::UserId;

/// What the tests see of a connection, and do to it.
#[derive(Default)]
struct Stage {
    /// What is to be told, one after the other.
    events: Mutex<VecDeque<Event>>,
    waiter: Mutex<Option<Waker>>,
    /// Texts that were written.
    written: Mutex<Vec<Message>>,
    /// How many messages the client takes before it takes no more.
    room: AtomicUsize,
    /// Rings when it takes more.
    has_room: Notify,
    released: Notify,
    turns_of_task: AtomicUsize,
}

enum Event {
    Text(&'static str),
    /// Is told once the stage releases it.
    Late(&'static str),
    End,
    Panic,
    /// Something that happens while it is told.
    Meanwhile(Box<dyn FnOnce() + Send>),
}

impl Stage {
    fn happen(&self, events: impl IntoIterator<Item = Event>) {
        self.events.lock().extend(events);
        let mut waiter = self.waiter.lock().take().into_iter();
        while !tell_in_place(&mut waiter) {}
    }

    fn written(&self) -> String {
        let text = |message: &Message| String::from_utf8(message.clone().into_bytes().to_vec());
        self.written.lock().iter().map(|message| text(message).unwrap()).collect()
    }
}

struct Line(Arc<Stage>);

impl Wire for Line {
    async fn receive(&mut self) -> Option<Message> {
        self.0.turns_of_task.fetch_add(1, Ordering::Relaxed);
        std::future::pending().await
    }

    fn wakes_when_dropped(&self) -> bool {
        true
    }

    async fn send(&mut self, messages: impl ExactSizeIterator<Item = Message> + Send) -> Result<(), Gone> {
        for message in messages {
            while self.0.room.load(Ordering::Relaxed) == 0 {
                self.0.has_room.notified().await;
            }
            self.0.room.fetch_sub(1, Ordering::Relaxed);
            self.0.written.lock().push(message);
        }
        Ok(())
    }

    fn poll_send(&mut self, _: &mut Context<'_>, messages: &mut Vec<Message>) -> Poll<Result<(), Gone>> {
        let count = messages.len().min(self.0.room.load(Ordering::Relaxed));
        self.0.room.fetch_sub(count, Ordering::Relaxed);
        self.0.written.lock().extend(messages.drain(..count));
        if messages.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    async fn close(self, goodbye: Goodbye) {
        self.0.written.lock().push(Message::text(goodbye.reason.into_owned().into()));
    }
}

struct Teller(Arc<Stage>);

impl Protocol for Teller {
    async fn on_message(&mut self, _: Message, _: &mut Vec<Message>) -> Step {
        Step::Go
    }

    async fn wait_for_events(&mut self) {
        std::future::poll_fn(|task| {
            if !self.0.events.lock().is_empty() {
                return Poll::Ready(());
            }
            *self.0.waiter.lock() = Some(task.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn on_events(&mut self, out: &mut Vec<Message>) -> Step {
        let event = self.0.events.lock().pop_front();
        match event {
            Some(Event::Text(text)) => out.push(Message::text(Bytes::from_static(text.as_bytes()))),
            Some(Event::Late(text)) => {
                self.0.released.notified().await;
                out.push(Message::text(Bytes::from_static(text.as_bytes())));
            }
            Some(Event::End) => return Step::End(Goodbye::new(1000, "bye")),
            Some(Event::Panic) => panic!("this is what the test is about"),
            Some(Event::Meanwhile(happens)) => happens(),
            None => {}
        }
        Step::Go
    }

    fn user(&self) -> Option<UserId> {
        None
    }

    fn deadline(&self) -> Instant {
        Instant::now() + std::time::Duration::from_secs(3_600)
    }

    fn expires(&self) -> Instant {
        self.deadline()
    }

    async fn on_deadline(&mut self, _: &mut Vec<Message>) -> Step {
        Step::Go
    }
}

/// A connection that waits, with room for so many messages.
fn connection(room: usize) -> (Arc<Stage>, Pin<Box<impl Future<Output = ()> + Send>>) {
    let stage = Arc::new(Stage { room: AtomicUsize::new(room), ..Stage::default() });
    let ending = Endings::new(Default::default()).join();
    let log = SessionLog::new(false, "test", &Default::default());
    let mut task = Box::pin(run(Line(Arc::clone(&stage)), Teller(Arc::clone(&stage)), ending, log));
    assert!(task.as_mut().now_or_never().is_none());
    (stage, task)
}

use Event::{End, Late, Meanwhile, Panic, Text};

#[tokio::test]
async fn what_happens_is_written_where_it_is_delivered_and_the_task_sleeps() {
    let (stage, task) = connection(100);
    stage.happen([Text("a")]);
    stage.happen([Text("b"), Text("c")]);
    assert_eq!(stage.written(), "abc");
    assert_eq!(stage.turns_of_task.load(Ordering::Relaxed), 1, "nobody has polled it since");
    drop(task);
    assert_eq!(Arc::strong_count(&stage), 1, "nothing is left of a connection whose task is gone");
    stage.happen([Text("d")]);
    assert_eq!(stage.written(), "abc");
}

#[tokio::test]
async fn what_has_to_wait_is_handed_to_the_task_and_nothing_overtakes_it() {
    let (stage, mut task) = connection(100);
    stage.happen([Text("a"), Late("b"), Text("c")]);
    stage.happen([Text("d")]);
    assert!(task.as_mut().now_or_never().is_none());
    assert_eq!(stage.written(), "a");
    stage.released.notify_one();
    assert!(task.as_mut().now_or_never().is_none());
    assert_eq!(stage.written(), "abcd");
    stage.happen([Text("e")]);
    assert_eq!(stage.written(), "abcde", "it lies at its desk again");
    drop(task);
}

#[tokio::test]
async fn what_the_client_does_not_take_waits_for_it_and_comes_in_order() {
    let (stage, mut task) = connection(1);
    stage.happen([Text("a"), Text("b"), Text("c")]);
    stage.happen([Text("d")]);
    assert_eq!(stage.written(), "a");
    assert!(task.as_mut().now_or_never().is_none());
    assert_eq!(stage.written(), "a");
    stage.room.store(100, Ordering::Relaxed);
    stage.has_room.notify_one();
    assert!(task.as_mut().now_or_never().is_none());
    assert_eq!(stage.written(), "abcd");
}

#[tokio::test]
async fn whatever_else_wakes_a_connection_wakes_its_task() {
    let (stage, mut task) = connection(100);
    stage.events.lock().push_back(Text("a"));
    stage.waiter.lock().take().expect("it waits").wake();
    assert_eq!(stage.written(), "");
    let polls = stage.turns_of_task.load(Ordering::Relaxed);
    assert!(task.as_mut().now_or_never().is_none());
    assert_eq!((stage.written().as_str(), polls), ("a", 1));
    stage.happen([Text("b")]);
    assert_eq!(stage.written(), "ab");
}

#[tokio::test]
async fn a_burst_is_left_to_the_task_which_takes_turns_with_others() {
    let (stage, mut task) = connection(1_000);
    stage.happen((0..50).map(|_| Text("a")));
    assert_eq!(stage.written().len(), MAX_TURNS);
    while stage.written().len() < 50 {
        assert!(task.as_mut().now_or_never().is_none());
    }
    stage.happen([Text("b")]);
    assert!(stage.written().ends_with("ab"));
}

#[tokio::test]
async fn an_end_is_taken_leave_of_and_a_panic_ends_one_connection_alone() {
    let (stage, task) = connection(100);
    stage.happen([Text("a"), End, Text("never")]);
    task.await;
    assert_eq!(stage.written(), "abye");
    assert_eq!(Arc::strong_count(&stage), 1);
    let (stage, task) = connection(100);
    stage.happen([Text("a"), Panic, Text("never")]);
    task.await;
    assert_eq!((stage.written().as_str(), Arc::strong_count(&stage)), ("a", 1));
}

#[tokio::test]
async fn who_has_a_connection_whose_task_is_gone_drops_it() {
    for last in [None, Some(End)] {
        let (stage, task) = connection(100);
        let ends: Event = Meanwhile(Box::new(move || drop(task)));
        stage.happen([Text("a"), ends].into_iter().chain(last));
        assert_eq!((stage.written().as_str(), Arc::strong_count(&stage)), ("a", 1));
    }
}

#[test]
fn a_desk_is_one_line_of_memory() {
    const COUNTS: usize = 2 * size_of::<usize>();
    assert!(size_of::<Desk<Line, Teller>>() + COUNTS <= 64, "{}", size_of::<Desk<Line, Teller>>());
}
