//! Replay: what happened after a cursor, as things stand now. It does not know who is listening.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    RelationTrait,
};
use serde_json::{Value as Json, json};

use super::cursor::{Head, read_head};
use crate::chat::event::{self, Event, EventType, Fact, sees};
use crate::chat::views::participant::Participant;
use crate::chat::views::reaction::{self, ReactionChange};
use crate::chat::views::receipt::ReadReceiptMove;
use crate::chat::views::{message, user};
use crate::chat::{Chat, Cx};
use crate::config::fault;
use crate::entity::{conversation, event as row, participant};
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::Reader;

/// Where the log stands now.
pub async fn head(cx: &Cx) -> Result<Head> {
    read_head(&cx.reader()).await
}

/// The same for the server itself.
pub async fn current_head(chat: &Chat) -> Result<Head> {
    read_head(&chat.store.reader()).await
}

/// A page of the log.
#[derive(Debug)]
pub struct LogPage {
    pub events: Vec<Event>,
    /// Everything up to here has been looked at: go on from it.
    pub position: i64,
    /// Whether the end of the log was reached.
    pub complete: bool,
}

/// Everything after `after`, for the node that fills a hole.
pub async fn since(chat: &Chat, after: i64, limit: u64) -> Result<LogPage> {
    read(chat, &chat.store.reader(), after, i64::MAX, limit, Condition::all()).await
}

/// Whether the name or the settings of a conversation changed after `position`.
pub(crate) async fn changed_since(
    db: &impl ConnectionTrait,
    conversation: ConversationId,
    position: i64,
) -> Result<bool> {
    let later = row::Entity::find()
        .filter(row::Column::Position.gt(position))
        .filter(row::Column::ConversationId.eq(conversation))
        .filter(row::Column::EventType.eq(EventType::ConversationUpdated.name()));
    Ok(later.one(db).await?.is_some())
}

/// What `viewer` may see after `after`, judged by where they are a participant now: somebody who was removed gets,
/// of that conversation, only the removal, and of a deleted one everybody gets only the deletion (protocol §8.3).
///
/// Somebody to whom little of a long log belongs is not looked for all through it at once: a page may be without
/// events and not [`complete`](LogPage::complete), and goes on from its position.
pub async fn replay(chat: &Chat, viewer: UserId, after: i64, limit: u64) -> Result<LogPage> {
    let mut page = scan(chat, viewer, after, limit).await?;
    for _ in 1..MAX_SCANS {
        if page.complete || !page.events.is_empty() {
            break;
        }
        page = scan(chat, viewer, page.position, limit).await?;
    }
    Ok(page)
}

/// Positions that one statement looks through, and how often that is done before whoever waits is told how far it went.
const MAX_POSITIONS: i64 = 5_000;
const MAX_SCANS: usize = 10;

async fn scan(chat: &Chat, viewer: UserId, after: i64, limit: u64) -> Result<LogPage> {
    let mine = participant::Entity::find()
        .select_only()
        .column(participant::Column::ConversationId)
        .filter(participant::Column::UserId.eq(viewer));
    let concerns = Condition::any()
        .add(row::Column::ConversationId.in_subquery(mine.clone().into_query()))
        .add(row::Column::SubjectId.eq(viewer));
    let db = &chat.store.reader_of(viewer, false);
    let mut page = read(chat, db, after, after.saturating_add(MAX_POSITIONS), limit, concerns).await?;
    // Read last: whoever joins between the two statements would else be passed over with their first events.
    let inside: HashMap<ConversationId, bool> = mine
        .join(JoinType::InnerJoin, participant::Relation::Conversation.def())
        .column_as(conversation::Column::ClosedAt.is_null(), "open")
        .into_tuple()
        .all(db)
        .await?
        .into_iter()
        .collect();
    page.events.retain(|event| {
        let is_member = |id: ConversationId| {
            inside.get(&id).is_some_and(|open| *open || event.kind == EventType::ConversationDeleted)
        };
        sees(viewer, event, is_member)
    });
    Ok(page)
}

/// What stands after `after` and up to `end`.
async fn read(chat: &Chat, db: &Reader, after: i64, end: i64, limit: u64, which: Condition) -> Result<LogPage> {
    // Read first, so that nothing committed between the two statements can be passed over.
    let head = read_head(db).await?;
    let rows = row::Entity::find()
        .filter(row::Column::Position.gt(after + i64::from(fault::is_on("cursor-skips-one"))))
        .filter(row::Column::Position.lte(end))
        .filter(which)
        .order_by_asc(row::Column::Position)
        .limit(limit)
        .all(db)
        .await?;
    let last = rows.last().map(|row| row.position);
    let is_all = (rows.len() as u64) < limit;
    let complete = is_all && end >= head.position;
    let position = match is_all {
        true => head.position.min(end).max(last.unwrap_or(after)).max(after),
        false => last.unwrap_or(after),
    };
    Ok(LogPage { events: hydrate(chat, db, rows).await?, position, complete })
}

/// Makes events of rows, as things stand now: a constant number of statements.
async fn hydrate(chat: &Chat, db: &Reader, rows: Vec<row::Model>) -> Result<Vec<Event>> {
    let ids: Vec<MessageId> = rows.iter().filter_map(|row| row.message_id).collect();
    let messages = message::load_by_ids(db, &chat.signer, &ids).await?;
    let summaries = match rows.iter().any(|row| row.event_type.starts_with("reaction.")) {
        true => reaction::summaries(db, &ids).await?,
        false => Default::default(),
    };
    let actors: Vec<UserId> = rows.iter().map(|row| row.user_id).collect();
    let users = user::by_ids(db, &actors).await?;
    let events = rows.into_iter().filter_map(|row| {
        let kind = EventType::named(&row.event_type)?;
        let conversation = row.conversation_id?;
        let actor = row.user_id;
        let user_name = user::name_of(&users, actor);
        let message_id = row.message_id;
        let payload = row.payload.unwrap_or(Json::Null);
        let fact = match kind {
            EventType::MessageSent | EventType::MessageUpdated | EventType::MessageDeleted => {
                Fact::Message(Box::new(messages.get(&message_id?)?.clone()))
            }
            EventType::ReactionAdded | EventType::ReactionRemoved => Fact::Reaction(ReactionChange {
                message_id: message_id?,
                conversation_id: conversation,
                user_id: actor,
                user_name,
                emoji: payload.get("emoji")?.as_str()?.to_owned(),
                added: kind == EventType::ReactionAdded,
                reaction_summary: summaries.get(&message_id?).cloned().unwrap_or_default(),
            }),
            EventType::ReceiptMoved => Fact::Receipt(ReadReceiptMove {
                conversation_id: conversation,
                user_id: actor,
                user_name,
                last_read_message_id: message_id?,
                read_at: serde_json::from_value(payload.get("readAt")?.clone()).ok()?,
            }),
            EventType::ParticipantAdded | EventType::ParticipantRemoved | EventType::ParticipantRoleChanged => {
                Fact::Participant(Box::new(serde_json::from_value::<Participant>(payload).ok()?))
            }
            EventType::SettingsChanged => Fact::Settings,
            EventType::ConversationCreated | EventType::ConversationUpdated | EventType::ConversationDeleted => {
                let participants = payload.get("participantIds").cloned().unwrap_or(json!([]));
                Fact::Conversation { participants: serde_json::from_value(participants).ok()? }
            }
            EventType::Typing | EventType::Presence => return None,
        };
        let mut event = Event::new(kind, Some(conversation), actor, row.created_at, fact);
        event.position = Some(row.position);
        Some(event)
    });
    let mut events: Vec<Event> = events.collect();
    event::mark_followed(&mut events);
    Ok(events)
}
