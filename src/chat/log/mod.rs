//! The durable log: positions, the cursors that clients come back with, and replay. What is replayed shows the
//! present. It does not know who is listening.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, RelationTrait,
};
use serde_json::{Value as Json, json};

use crate::chat::access;
use crate::chat::event::{self, Event, EventType, Fact};
use crate::chat::messages;
use crate::chat::participants::Participant;
use crate::chat::reactions::{self, ReactionChange};
use crate::chat::receipts::ReadReceiptMove;
use crate::chat::{Chat, Cx, users};
use crate::config::fault;
use crate::entity::{conversation, event as row, log_state, participant};
use crate::error::{Error, Kind, Result};
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::Reader;

/// A place in the log of one database: `epoch.position`, at most 64 bytes, the same on every door (contract §8.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    epoch: String,
    position: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.epoch, self.position)
    }
}

/// Where the log stands.
#[derive(Debug, Clone)]
pub struct Head {
    pub epoch: String,
    /// The position of the newest event; 0 for none.
    pub position: i64,
    /// Events up to this one were pruned.
    pub pruned: i64,
}

impl Head {
    pub fn cursor(&self, position: i64) -> Cursor {
        Cursor { epoch: self.epoch.clone(), position }
    }

    /// The position that a client's cursor stands for.
    ///
    /// # Errors
    /// `BadRequest` for one that is malformed, of another database or of the future; `CursorExpired` for one whose
    /// successors were pruned.
    pub fn position_of(&self, cursor: &str) -> Result<i64> {
        let bad = || Error::bad_request("The cursor is not valid here");
        let (epoch, position) = (cursor.len() <= 64).then(|| cursor.split_once('.')).flatten().ok_or_else(bad)?;
        let digits = !position.is_empty() && position.bytes().all(|byte| byte.is_ascii_digit());
        let position = position.parse::<i64>().ok().filter(|_| digits).ok_or_else(bad)?;
        if epoch != self.epoch || position > self.position {
            return Err(bad());
        }
        if position < self.pruned {
            return Err(Error::new(Kind::CursorExpired, "The cursor is too old, load the conversations anew"));
        }
        Ok(position)
    }
}

/// Where the log stands now.
pub async fn head(cx: &Cx) -> Result<Head> {
    read_head(&cx.reader()).await
}

/// The same for the server itself.
pub async fn newest(chat: &Chat) -> Result<Head> {
    read_head(&chat.store.reader()).await
}

async fn read_head(db: &Reader) -> Result<Head> {
    let state = log_state::Entity::find_by_id(log_state::ONLY).one(db).await?;
    let state = state.ok_or_else(Error::internal)?;
    Ok(Head { epoch: state.epoch, position: state.position, pruned: state.pruned_position })
}

/// Writes the rows of events; part of the transaction that made them.
pub(crate) async fn write(db: &impl ConnectionTrait, events: &[Event]) -> Result<(), DbErr> {
    let rows = events.iter().filter_map(|event| {
        Some(row::ActiveModel {
            position: Set(event.position?),
            event_type: Set(event.kind.name().to_owned()),
            conversation_id: Set(event.conversation.map(ConversationId::get)),
            user_id: Set(event.actor.get()),
            subject_id: Set(event.subject.map(UserId::get)),
            message_id: Set(event.message.map(MessageId::get)),
            payload: Set(payload(&event.fact)),
            created_at: Set(event.at),
        })
    });
    let rows: Vec<row::ActiveModel> = rows.collect();
    for rows in rows.chunks(ROWS) {
        row::Entity::insert_many(rows.to_vec()).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Rows written with one statement: a few values each, and no database takes more than some ten thousand.
const ROWS: usize = 1_000;

/// What cannot be read again from the other tables.
fn payload(fact: &Fact) -> Option<Json> {
    match fact {
        Fact::Reaction(change) => Some(json!({ "emoji": change.emoji })),
        Fact::Receipt(moved) => Some(json!({ "readAt": moved.read_at })),
        Fact::Participant(person) => serde_json::to_value(person).ok(),
        Fact::Conversation { participants } if !participants.is_empty() => {
            Some(json!({ "participantIds": participants }))
        }
        _ => None,
    }
}

/// How long the writer is left to others between two stretches that are pruned.
const BREATH: Duration = Duration::from_millis(20);

/// Forgets events older than the retention, a stretch at a time so that nobody waits for long; a cursor before what
/// was forgotten is refused from then on.
pub(crate) async fn prune(chat: &Chat) -> Result<()> {
    const STRETCH: i64 = 1_000;
    let retention = TimeDelta::days(chat.config.log.retention_days.into());
    loop {
        let pruned: bool = chat
            .change(move |batch| {
                Box::pin(async move {
                    let state = log_state::Entity::find_by_id(log_state::ONLY).one(&batch.tx).await?;
                    let from = state.ok_or_else(Error::internal)?.pruned_position;
                    let old = row::Entity::find()
                        .filter(row::Column::Position.gt(from))
                        .filter(row::Column::Position.lte(from + STRETCH))
                        .filter(row::Column::CreatedAt.lt(batch.now - retention))
                        .order_by_desc(row::Column::Position)
                        .one(&batch.tx)
                        .await?;
                    let Some(old) = old else { return Ok(false) };
                    row::Entity::delete_many().filter(row::Column::Position.lte(old.position)).exec(&batch.tx).await?;
                    log_state::Entity::update_many()
                        .col_expr(log_state::Column::PrunedPosition, Expr::value(old.position))
                        .exec(&batch.tx)
                        .await?;
                    Ok(old.position == from + STRETCH)
                })
            })
            .await?;
        if !pruned || chat.stopping.is_cancelled() {
            return Ok(());
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// A stretch of the log.
#[derive(Debug)]
pub struct Stretch {
    pub events: Vec<Event>,
    /// Everything up to here has been looked at: go on from it.
    pub position: i64,
    /// Whether the end of the log was reached.
    pub complete: bool,
}

/// Everything after `after`, for the node that fills a hole.
pub async fn since(chat: &Chat, after: i64, limit: u64) -> Result<Stretch> {
    stretch(chat, &chat.store.reader(), after, i64::MAX, limit, Condition::all()).await
}

/// Whether the name or the settings of a conversation changed after `position`.
pub(crate) async fn changed_since(
    db: &impl ConnectionTrait,
    conversation: ConversationId,
    position: i64,
) -> Result<bool> {
    let later = row::Entity::find()
        .filter(row::Column::Position.gt(position))
        .filter(row::Column::ConversationId.eq(conversation.get()))
        .filter(row::Column::EventType.eq(EventType::ConversationUpdated.name()));
    Ok(later.one(db).await?.is_some())
}

/// What `viewer` may see after `after`, judged by where they are a participant now: somebody who was removed gets,
/// of that conversation, only the removal, and of a deleted one everybody gets only the deletion (contract §8.3).
///
/// Somebody to whom little of a long log belongs is not looked for all through it at once: a stretch may be without
/// events and not [`complete`](Stretch::complete), and goes on from its position.
pub async fn replay(chat: &Chat, viewer: UserId, after: i64, limit: u64) -> Result<Stretch> {
    let mut stretch = look(chat, viewer, after, limit).await?;
    for _ in 1..LOOKS {
        if stretch.complete || !stretch.events.is_empty() {
            break;
        }
        stretch = look(chat, viewer, stretch.position, limit).await?;
    }
    Ok(stretch)
}

/// Positions that one statement looks through, and how often that is done before whoever waits is told how far it went.
const WINDOW: i64 = 5_000;
const LOOKS: usize = 10;

async fn look(chat: &Chat, viewer: UserId, after: i64, limit: u64) -> Result<Stretch> {
    let mine = participant::Entity::find()
        .select_only()
        .column(participant::Column::ConversationId)
        .filter(participant::Column::UserId.eq(viewer.get()));
    let concerns = Condition::any()
        .add(row::Column::ConversationId.in_subquery(mine.clone().into_query()))
        .add(row::Column::SubjectId.eq(viewer.get()));
    let db = &chat.store.reader_of(viewer, false);
    let mut stretch = stretch(chat, db, after, after.saturating_add(WINDOW), limit, concerns).await?;
    // Read last: whoever joins between the two statements would else be passed over with their first events.
    let inside: HashMap<i64, bool> = mine
        .join(JoinType::InnerJoin, participant::Relation::Conversation.def())
        .column_as(conversation::Column::ClosedAt.is_null(), "open")
        .into_tuple()
        .all(db)
        .await?
        .into_iter()
        .collect();
    stretch.events.retain(|event| {
        let is_member = |id: ConversationId| {
            inside.get(&id.get()).is_some_and(|open| *open || event.kind == EventType::ConversationDeleted)
        };
        access::sees(viewer, event, is_member)
    });
    Ok(stretch)
}

/// What stands after `after` and up to `end`.
async fn stretch(chat: &Chat, db: &Reader, after: i64, end: i64, limit: u64, which: Condition) -> Result<Stretch> {
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
    Ok(Stretch { events: revive(chat, db, rows).await?, position, complete })
}

/// Makes events of rows, as things stand now: a constant number of statements.
async fn revive(chat: &Chat, db: &Reader, rows: Vec<row::Model>) -> Result<Vec<Event>> {
    let ids: Vec<i64> = rows.iter().filter_map(|row| row.message_id).collect();
    let messages = messages::load_by_ids(db, &chat.links, &ids).await?;
    let summaries = match rows.iter().any(|row| row.event_type.starts_with("reaction.")) {
        true => reactions::summaries(db, &ids).await?,
        false => Default::default(),
    };
    let actors: Vec<UserId> = rows.iter().map(|row| UserId::stored(row.user_id)).collect();
    let users = users::by_ids(db, &actors).await?;
    let events = rows.into_iter().filter_map(|row| {
        let kind = EventType::named(&row.event_type)?;
        let conversation = row.conversation_id.map(ConversationId::stored)?;
        let actor = UserId::stored(row.user_id);
        let user_name = users::name_of(&users, actor);
        let message_id = row.message_id.map(MessageId::stored);
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
                reaction_summary: summaries.get(&message_id?.get()).cloned().unwrap_or_default(),
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
    event::tie(&mut events);
    Ok(events)
}
