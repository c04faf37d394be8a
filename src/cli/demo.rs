//! The people and messages that the documentation's examples name, made once through the same functions that every
//! door calls.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::app::App;
use crate::chat::conversations::{self, CreateGroup};
use crate::chat::messages::{self, SendMessage};
use crate::chat::reactions::{self, React};
use crate::chat::users::{self, UserInput};
use crate::chat::{Cx, Viewer};
use crate::entity::clock;
use crate::error::Result;
use crate::id::{MessageId, UserId};

/// Alice 1, Bob 2, Carol 3 and Dave 4.
pub const PEOPLE: [(i64, &str); 4] = [(1, "Alice"), (2, "Bob"), (3, "Carol"), (4, "Dave")];

/// Who says what in the group "Project Team", which is conversation 1; the messages are 1 to 8.
const MESSAGES: [(usize, &str); 8] = [
    (0, "Welcome to Project X, everybody!"),
    (1, "Hi Alice, glad to be here"),
    (2, "Hello all 👋"),
    (3, "Shall we meet on Thursday?"),
    (0, "I propose that we ship on Friday"),
    (1, "Friday works for me"),
    (2, "The tests are green"),
    (0, "Then let us do it"),
];

/// Makes the demo data, unless there is a conversation already.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn seed(app: &Arc<App>) -> Result<()> {
    let alice = acting(app, 0);
    let people = PEOPLE.map(|(id, name)| UserInput { id: UserId::stored(id), name: name.to_owned(), avatar_url: None });
    users::upsert_as_server(&app.chat, people.to_vec()).await?;
    let group = CreateGroup {
        name: "Project Team".to_owned(),
        description: Some("Discussion for Project X".to_owned()),
        participant_ids: Some(PEOPLE.iter().skip(1).map(|(id, _)| UserId::stored(*id)).collect()),
        ..CreateGroup::default()
    };
    let Some(group) = conversations::create_first_group(&alice, group).await? else { return Ok(()) };
    for (person, content) in MESSAGES {
        let input = SendMessage { content: Some(content.to_owned()), ..SendMessage::default() };
        messages::send(&acting(app, person), group.id, input).await?;
    }
    for (person, emoji) in [(1, "👍"), (2, "👍"), (3, "❤️")] {
        reactions::react(&acting(app, person), MessageId::stored(5), emoji, React::Add).await?;
    }
    Ok(())
}

fn acting(app: &Arc<App>, person: usize) -> Cx {
    let (id, name) = PEOPLE[person];
    let expires = clock::now() + TimeDelta::hours(1);
    let viewer = Viewer { id: UserId::stored(id), name: name.to_owned(), admin: false, expires };
    Cx::new(Arc::clone(&app.chat), viewer)
}
