//! The rest of the demo: a group with a picture, a thread, a sound and reactions, and two direct conversations; some of it
//! unread.

use std::sync::Arc;

use super::people::{PEOPLE, acting, others};
use super::{chime, picture};
use crate::app::App;
use crate::chat::conversations::{self, CreateGroup};
use crate::chat::files::{self, Upload};
use crate::chat::messages::{self, SendMessage};
use crate::chat::reactions::{self, React};
use crate::chat::receipts;
use crate::error::Result;
use crate::id::{ConversationId, FileId, MessageId, UserId};

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;
const DAVE: usize = 3;

/// A text file, as people send them.
const PACKING_LIST: &str = "Packing list\n\n- water, two litres\n- sunscreen\n- rain jacket (it never rains, but still)\n\
                            - sandwiches for five\n- the map that Bob always forgets\n";

/// Makes these conversations.
///
/// # Errors
/// `Unavailable` without the database or the storage of files.
pub(super) async fn seed(app: &Arc<App>) -> Result<()> {
    seed_hike(app).await?;
    let alice = acting(app, ALICE);
    let talk = conversations::open_direct(&alice, UserId::stored(PEOPLE[CAROL].id)).await?.conversation.id;
    say(app, talk, CAROL, "Do you have five minutes for my draft before noon?").await?;

    let talk = conversations::open_direct(&alice, UserId::stored(PEOPLE[BOB].id)).await?.conversation.id;
    say(app, talk, BOB, "Did you see the picture from the ridge?").await?;
    say(app, talk, ALICE, "I did. It should hang in the office!").await?;
    let printed = say(app, talk, BOB, "I will have it printed 😄").await?;
    react(app, ALICE, printed, "❤️").await?;
    receipts::mark_read(&alice, talk, None).await?;
    receipts::mark_read(&acting(app, BOB), talk, None).await?;
    say(app, talk, BOB, "Coffee at ten?").await?;
    Ok(())
}

async fn seed_hike(app: &Arc<App>) -> Result<()> {
    let group = CreateGroup {
        name: "Weekend Hike".to_owned(),
        description: Some("Saturday, 8:40 at the station".to_owned()),
        participant_ids: Some(others()),
        ..CreateGroup::default()
    };
    let hike = conversations::create_group(&acting(app, ALICE), group).await?.id;
    say(app, hike, CAROL, "Who is in for Saturday? The forecast looks <b>perfect</b> ☀️").await?;
    let ridge = file(app, hike, BOB, "ridge.png", "image/png", &picture::png()).await?;
    let ridge = send(app, hike, BOB, Some("The ridge at sunset, last time"), None, Some(ridge)).await?;
    for (person, emoji) in [(ALICE, "😍"), (CAROL, "😍"), (DAVE, "🔥")] {
        react(app, person, ridge, emoji).await?;
    }
    let in_it = say(app, hike, ALICE, "Count me in!").await?;
    react(app, BOB, in_it, "🎉").await?;
    let train = say(app, hike, DAVE, "Train at 8:40, platform 3?").await?;
    react(app, CAROL, train, "👍").await?;
    for (person, content) in [
        (ALICE, "8:40 works. I bring coffee for everybody ☕"),
        (CAROL, "Platform 5, they moved it last week"),
        (BOB, "You just saved me a sprint"),
    ] {
        send(app, hike, person, Some(content), Some(train), None).await?;
    }
    for reader in [ALICE, BOB, DAVE] {
        receipts::mark_read(&acting(app, reader), hike, None).await?;
    }
    let list = file(app, hike, CAROL, "packing-list.txt", "text/plain", PACKING_LIST.as_bytes()).await?;
    send(app, hike, CAROL, Some("I wrote a packing list"), None, Some(list)).await?;
    let bell = file(app, hike, CAROL, "summit-bell.wav", "audio/wav", &chime::wav()).await?;
    send(app, hike, CAROL, Some("And this is how the bell at the top sounds"), None, Some(bell)).await?;
    Ok(())
}

async fn say(app: &Arc<App>, to: ConversationId, person: usize, content: &str) -> Result<MessageId> {
    send(app, to, person, Some(content), None, None).await
}

async fn send(
    app: &Arc<App>,
    to: ConversationId,
    person: usize,
    content: Option<&str>,
    parent: Option<MessageId>,
    file: Option<FileId>,
) -> Result<MessageId> {
    let input = SendMessage {
        content: content.map(str::to_owned),
        parent_message_id: parent,
        attachment_ids: file.map(|file| vec![file]),
        ..SendMessage::default()
    };
    Ok(messages::send(&acting(app, person), to, input).await?.message.id)
}

async fn react(app: &Arc<App>, person: usize, message: MessageId, emoji: &str) -> Result<()> {
    reactions::react(&acting(app, person), message, emoji, React::Add).await.map(drop)
}

async fn file(
    app: &Arc<App>,
    to: ConversationId,
    person: usize,
    name: &str,
    kind: &str,
    bytes: &[u8],
) -> Result<FileId> {
    let cx = acting(app, person);
    let place = files::place(&cx, to).await?;
    let mut upload = Upload::new(&cx, Some(&place), name, Some(kind.to_owned()))?;
    upload.write(bytes).await?;
    Ok(upload.finish(Some(&place)).await?.id)
}
