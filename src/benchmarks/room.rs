//! A server without doors, with one room in which everybody listens to messages.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Runtime;

use crate::app::App;
use crate::chat::event::{Event, Topic};
use crate::chat::messages::{self, SendMessage};
use crate::chat::payload::payload;
use crate::chat::{Cx, conversations};
use crate::config::Config;
use crate::id::UserId;
use crate::live::{Interest, Listener};

/// People whom one call may name.
const MOST_NAMED: usize = 256;

/// A room, and a connection of each of its people.
pub struct Room {
    runtime: Runtime,
    app: Option<Arc<App>>,
    folder: PathBuf,
    listeners: Vec<Listener>,
    /// A message that was sent, of which all others are copies.
    sent: Arc<Event>,
    position: i64,
}

/// A message that can be told.
pub struct Happened(Arc<Event>);

impl Room {
    /// A room with so many people, all of whom listen.
    ///
    /// # Panics
    /// Where the folder for temporary files cannot be used.
    pub fn with_listeners(people: usize) -> Self {
        let folder = std::env::temp_dir().join(format!("confab_benchmark_{}", uuid::Uuid::new_v4().simple()));
        let runtime = Runtime::new().expect("a runtime needs nothing but memory and a few handles");
        let (app, listeners, sent) = runtime.block_on(fill(folder.clone(), people));
        let position = sent.position.unwrap_or_default();
        Self { runtime, app: Some(app), folder, listeners, sent, position }
    }

    /// The next message.
    pub fn next(&mut self) -> Happened {
        self.position += 1;
        let mut event = self.sent.copy();
        event.position = Some(self.position);
        Happened(Arc::new(event))
    }

    /// Puts a message into the feeds of all who listen.
    pub fn deliver(&self, happened: &Happened) {
        if let Some(app) = &self.app {
            app.hub.deliver(&happened.0, &mut Vec::new());
        }
    }

    /// Takes what waits in the feeds; how much that was.
    pub fn take(&mut self) -> usize {
        let Self { runtime, listeners, .. } = self;
        let _inside = runtime.enter();
        let mut taken = VecDeque::new();
        for listener in listeners {
            // One for whom nothing waits has nothing to append.
            let _nothing = listener.next(&mut taken).now_or_never();
        }
        taken.len()
    }
}

impl Happened {
    /// What everybody is told of it, written as JSON.
    pub fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&payload(&self.0, None)).expect("what happened is written without fail")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let (app, listeners) = (self.app.take(), std::mem::take(&mut self.listeners));
        self.runtime.block_on(async move {
            drop(listeners);
            if let Some(app) = app {
                app.close().await;
            }
        });
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// The people, their room, their connections, and a message that all of them have heard.
async fn fill(folder: PathBuf, people: usize) -> (Arc<App>, Vec<Listener>, Arc<Event>) {
    let mut config = Config::default();
    config.server.data_dir = folder;
    config.limits.creations_per_minute = 0;
    let app = App::open(config).await.expect("a new folder can be used");
    app.join(None).await.expect("it is the only node");
    let mut all = Vec::with_capacity(people);
    for number in 1..=people {
        all.push(person(&app, number as i64).await);
    }
    let owner = &all[0];
    let others: Vec<UserId> = all.iter().skip(1).map(Cx::me).collect();
    let mut portions = others.chunks(MOST_NAMED);
    let participant_ids = Some(portions.next().unwrap_or_default().to_vec());
    let group = conversations::CreateGroup { name: "The room".to_owned(), participant_ids, ..Default::default() };
    let room = conversations::create_group(owner, group).await.expect("all are known").id;
    for portion in portions {
        conversations::add_participants(owner, room, portion.to_vec()).await.expect("all are known");
    }
    let mut listeners = Vec::with_capacity(people);
    for cx in &all {
        let listener = app.hub.listen(cx, "benchmark").await.expect("the database can be read");
        listener.set_interest(Interest::NOTHING.with(Topic::Messages));
        listeners.push(listener);
    }
    let content =
        Some("Lunch at noon? The new place around the corner has a table for all of us, and soup.".to_owned());
    let message = SendMessage { content, ..SendMessage::default() };
    messages::send(owner, room, message).await.expect("the database can be written");
    let mut heard = VecDeque::new();
    for listener in &mut listeners {
        listener.next(&mut heard).await.expect("the database can be read");
    }
    let sent = heard.pop_back().expect("a room has people");
    (app, listeners, sent)
}

async fn person(app: &App, number: i64) -> Cx {
    let token = app.tokens.issue(number, None, false, Duration::from_secs(3_600));
    let token = token.expect("the secret is the server's own");
    app.authenticate(&token).await.expect("the token is good")
}
