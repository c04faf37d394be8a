//! What there is to see in a demo: the people and messages that the documentation's examples name, and beside them whatever
//! else a chat has. Made once, through the same functions that every door calls.

mod chime;
mod people;
mod picture;
mod weekend;

use std::sync::Arc;

use crate::app::App;
use crate::chat::conversations::{self, CreateGroup};
use crate::chat::messages::{self, SendMessage};
use crate::chat::presence::{self, SetPresence};
use crate::chat::reactions::{self, React};
use crate::chat::users::{self, UserInput};
use crate::config::{DemoPerson, UserIds};
use crate::entity::presence::PresenceStatus;
use crate::error::Result;
use crate::id::{MessageId, UserId};
use people::{acting, others};

pub use people::PEOPLE;

/// Who is away, and what Dave says of it.
const AWAY: (usize, &str) = (3, "In the mountains until Monday");

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

/// Makes all of the demo, unless there is a conversation already.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn seed(app: &Arc<App>) -> Result<()> {
    if seed_team(app).await? {
        weekend::seed(app).await?;
        let (person, message) = AWAY;
        let status_message = Some(message.to_owned());
        let away = SetPresence { status: Some(PresenceStatus::Away), status_message, ..SetPresence::default() };
        presence::set(&acting(app, person), away).await?;
    }
    Ok(())
}

/// Makes the group that the examples name, and whether there was nothing before.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn seed_team(app: &Arc<App>) -> Result<bool> {
    let alice = acting(app, 0);
    let is_text = app.config.auth.user_ids == UserIds::Text;
    let person = |one: DemoPerson| UserInput {
        id: Some(UserId::stored(one.id)),
        // As their tokens call them.
        external_id: is_text.then(|| one.id.to_string()),
        name: one.name.to_owned(),
        avatar_url: None,
    };
    users::upsert_as_server(&app.chat, PEOPLE.map(person).to_vec()).await?;
    let group = CreateGroup {
        name: "Project Team".to_owned(),
        description: Some("Discussion for Project X".to_owned()),
        participant_ids: Some(others()),
        ..CreateGroup::default()
    };
    let Some(group) = conversations::create_first_group(&alice, group).await? else { return Ok(false) };
    for (person, content) in MESSAGES {
        let input = SendMessage { content: Some(content.to_owned()), ..SendMessage::default() };
        messages::send(&acting(app, person), group.id, input).await?;
    }
    for (person, emoji) in [(1, "👍"), (2, "👍"), (3, "❤️")] {
        reactions::react(&acting(app, person), MessageId::stored(5), emoji, React::Add).await?;
    }
    Ok(true)
}

/// Keeps the one who is away where others see it, for as long as the server runs: nobody is away without a connection.
pub async fn stay_away(app: Arc<App>) {
    let stopping = app.stopping.clone();
    let lease = presence::connect(&acting(&app, AWAY.0)).await;
    drop(app);
    stopping.cancelled().await;
    drop(lease);
}
