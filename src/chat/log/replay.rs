//! Replay: what happened after a cursor, as things stand now. It does not know who is listening.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait, Statement,
};
use serde_json::{Value as Json, json};

use super::cursor::{Head, read_head};
use crate::chat::event::{self, Event, EventType, Fact, sees};
use crate::chat::rows::distinct;
use crate::chat::views::participant::Participant;
use crate::chat::views::reaction::{self, ReactionChange};
use crate::chat::views::receipt::ReadReceiptMove;
use crate::chat::views::{message, user};
use crate::chat::{Chat, Cx};
use crate::config::fault;
use crate::entity::{conversation, event as row, participant};
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::{Reader, among, list};

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
    let db = &chat.store.reader();
    // Read first, so that nothing committed between the two statements can be passed over.
    let head = read_head(db).await?;
    let rows = read_range(db, after, i64::MAX, limit, Condition::all()).await?;
    LogPage::of(chat, db, rows, after, head.position.max(after), head.position, limit).await
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
        // Written out, as the index of these few has it.
        .filter(Expr::cust("event_type = 'conversation.updated'"));
    Ok(later.one(db).await?.is_some())
}

/// What `viewer` may see after `after`, judged by where they are a participant now: somebody who was removed gets,
/// of that conversation, only the removal, and of a deleted one everybody gets only the deletion (protocol §8.3).
///
/// Who is in few conversations is read what happened in each of them; for others the log is looked through, and not all of
/// it at once where little belongs to them: a page may be without events and not [`complete`](LogPage::complete), and goes
/// on from its position. A page of none stays where it is, and tells whether there is more.
pub async fn replay(chat: &Chat, viewer: UserId, after: i64, limit: u64) -> Result<LogPage> {
    if limit == 0 {
        let page = look(chat, viewer, after, 1).await?;
        return Ok(LogPage { complete: page.complete && page.events.is_empty(), events: Vec::new(), position: after });
    }
    let mut page = look(chat, viewer, after, limit).await?;
    for _ in 1..MAX_LOOKS {
        if page.complete || !page.events.is_empty() {
            break;
        }
        page = look(chat, viewer, page.position, limit).await?;
    }
    Ok(page)
}

/// Positions that one statement looks through, and how often that is done before whoever waits is told how far it went.
const MAX_POSITIONS: i64 = 5_000;
const MAX_LOOKS: usize = 10;
/// Conversations in each of which a page of events is looked for.
const MAX_CONVERSATIONS: usize = 64;

async fn look(chat: &Chat, viewer: UserId, after: i64, limit: u64) -> Result<LogPage> {
    let db = &chat.store.reader_of(viewer, false);
    // Read before the memberships: whoever joins after that is told of it with the next page.
    let head = read_head(db).await?;
    if head.position <= after {
        return Ok(LogPage { events: Vec::new(), position: after, complete: true });
    }
    let mine = conversations_of(db, viewer).await?;
    let (rows, end) = match mine.len() <= MAX_CONVERSATIONS {
        true => (read_each(db, viewer, &mine, after, head.position, limit).await?, head.position),
        false => {
            let end = head.position.min(after.saturating_add(MAX_POSITIONS));
            (read_range(db, after, end, limit, concerns(viewer)).await?, end)
        }
    };
    let mut page = LogPage::of(chat, db, rows, after, end, head.position, limit).await?;
    let inside = inside(db, viewer, &page.events).await?;
    page.events.retain(|event| {
        let is_member = |id: ConversationId| {
            inside.get(&id).is_some_and(|open| *open || event.kind == EventType::ConversationDeleted)
        };
        sees(viewer, event, is_member)
    });
    Ok(page)
}

/// The conversations of `viewer`, closed ones included: some of them where there are too many to look into each.
async fn conversations_of(db: &Reader, viewer: UserId) -> Result<Vec<ConversationId>> {
    let mine = participant::Entity::find()
        .select_only()
        .column(participant::Column::ConversationId)
        .filter(participant::Column::UserId.eq(viewer))
        .limit(MAX_CONVERSATIONS as u64 + 1);
    Ok(mine.into_tuple().all(db).await?)
}

/// Where `viewer` is a participant, of the conversations of these events, and whether it is open. Read last: whoever was
/// removed meanwhile sees nothing.
async fn inside(db: &Reader, viewer: UserId, events: &[Event]) -> Result<HashMap<ConversationId, bool>> {
    let ids = distinct(events.iter().filter_map(|event| event.conversation));
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(ConversationId, bool)> = participant::Entity::find()
        .select_only()
        .column(participant::Column::ConversationId)
        .filter(participant::Column::UserId.eq(viewer))
        .filter(among(db, participant::Column::ConversationId, ids))
        .join(JoinType::InnerJoin, participant::Relation::Conversation.def())
        .column_as(conversation::Column::ClosedAt.is_null(), "open")
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

/// What concerns `viewer` of a stretch of the log.
fn concerns(viewer: UserId) -> Condition {
    use sea_orm::sea_query::ExprTrait as _;
    let of = |column| Expr::col((participant::Entity, column));
    let mine = Query::select()
        .expr(Expr::val(1))
        .from(participant::Entity)
        .and_where(of(participant::Column::ConversationId).equals((row::Entity, row::Column::ConversationId)))
        .and_where(of(participant::Column::UserId).eq(viewer))
        .to_owned();
    Condition::any().add(Expr::exists(mine)).add(row::Column::SubjectId.eq(viewer))
}

/// The first events after `after` and up to `end` of each of the conversations and about `viewer`: their indexes are
/// walked from there, however long the log is.
async fn read_each(
    db: &Reader,
    viewer: UserId,
    mine: &[ConversationId],
    after: i64,
    end: i64,
    limit: u64,
) -> Result<Vec<row::Model>> {
    let of_each = match db.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT f.position FROM json_each($1) w CROSS JOIN chat_events f WHERE f.position IN (SELECT o.position \
             FROM chat_events o WHERE o.conversation_id = w.value AND o.position > $2 AND o.position <= $3 \
             ORDER BY o.position LIMIT $4)"
        }
        _ => {
            "SELECT f.position FROM unnest(CAST($1 AS bigint[])) AS w (id) CROSS JOIN LATERAL (SELECT o.position \
             FROM chat_events o WHERE o.conversation_id = w.id AND o.position > $2 AND o.position <= $3 \
             ORDER BY o.position LIMIT $4) AS f"
        }
    };
    let sql = format!(
        "SELECT e.* FROM (SELECT position FROM ({of_each} UNION SELECT * FROM (SELECT s.position FROM chat_events s \
         WHERE s.subject_id = $5 AND s.position > $2 AND s.position <= $3 ORDER BY s.position LIMIT $4) AS about) AS each \
         ORDER BY position LIMIT $4) AS found CROSS JOIN chat_events e WHERE e.position = found.position \
         ORDER BY e.position"
    );
    let after = behind(after);
    let limit = limit.cast_signed();
    let values = [list(db, mine.iter().copied()), after.into(), end.into(), limit.into(), viewer.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(row::Entity::find().from_raw_sql(statement).all(db).await?)
}

/// What a reader of the log has heard, whose cursor says `after`.
fn behind(after: i64) -> i64 {
    after + i64::from(fault::is_on("cursor-skips-one"))
}

/// What stands after `after` and up to `end`.
async fn read_range(db: &Reader, after: i64, end: i64, limit: u64, which: Condition) -> Result<Vec<row::Model>> {
    let rows = row::Entity::find()
        .filter(row::Column::Position.gt(behind(after)))
        .filter(row::Column::Position.lte(end))
        .filter(which)
        .order_by_asc(row::Column::Position)
        .limit(limit);
    Ok(rows.all(db).await?)
}

impl LogPage {
    /// The page of the first rows after `after`, which were looked for up to `end` of a log that goes to `head`.
    async fn of(
        chat: &Chat,
        db: &Reader,
        rows: Vec<row::Model>,
        after: i64,
        end: i64,
        head: i64,
        limit: u64,
    ) -> Result<Self> {
        let is_all = (rows.len() as u64) < limit;
        let last = rows.last().map_or(after, |row| row.position);
        let position = if is_all { end.max(last) } else { last };
        Ok(Self { events: hydrate(chat, db, rows).await?, position, complete: is_all && end >= head })
    }
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
