//! Carrying the latest activity of conversations to the lists of their participants. A message that is sent only marks its
//! conversation, since to write it into the list of each participant would cost the size of the group; a list is exact all
//! the same, because it looks at the marked ones apart ([`super::walk`]). Here the marks are taken off, a little at a time.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, Statement};

use crate::chat::Chat;
use crate::chat::writer::Batch;
use crate::entity::clock;
use crate::error::Result;
use crate::id::ConversationId;
use crate::store::{is_listed, list};

/// Marked conversations that are looked at in one go, and rows of participants that are written in one go.
const MAX_CONVERSATIONS: i64 = 500;
const MAX_PARTICIPANTS: i64 = 500;
/// How long a conversation has to be quiet for each of its participants before it is carried to them: whatever is sent,
/// at most a hundred rows a second are written for it. Its mark costs a list one row meanwhile.
const QUIET_PER_PARTICIPANT: TimeDelta = TimeDelta::milliseconds(10);

/// How far carrying came.
pub(crate) struct Carried {
    /// Behind which conversation it goes on.
    pub next: ConversationId,
    /// Whether there is more to be done at once.
    pub more: bool,
}

/// Carries the activity of some of the marked conversations behind `after`, of as many as have few participants together.
///
/// # Errors
/// `Unavailable` without the database.
pub(crate) async fn carry(chat: &Chat, after: ConversationId) -> Result<Carried> {
    let marked = marked(chat, after).await?;
    let start = ConversationId::stored(0);
    let was_full = i64::try_from(marked.len()).unwrap_or(i64::MAX) >= MAX_CONVERSATIONS;
    let mut next = if was_full { marked.last().map_or(start, |last| last.id) } else { start };
    let mut more = was_full;
    let now = clock::now();
    let (mut chosen, mut rows) = (Vec::new(), 0);
    for group in marked.iter().filter(|group| group.is_quiet(now)) {
        if rows > 0 && rows + group.participants > MAX_PARTICIPANTS {
            // The rest of those that were looked at is next.
            (next, more) = (chosen.last().copied().unwrap_or(after), true);
            break;
        }
        chosen.push(group.id);
        rows += group.participants;
    }
    if chosen.is_empty() {
        return Ok(Carried { next, more });
    }
    let last_before = chosen.first().map_or(after, |first| ConversationId::stored(first.get() - 1));
    let is_whole = chat.write(async move |batch: &mut Batch| write(batch, &chosen).await).await?;
    // A group that is larger than what is written in one go is gone on with.
    Ok(if is_whole { Carried { next, more } } else { Carried { next: last_before, more: true } })
}

struct Marked {
    id: ConversationId,
    participants: i64,
    at: DateTime<Utc>,
}

impl Marked {
    fn is_quiet(&self, now: DateTime<Utc>) -> bool {
        let participants = i32::try_from(self.participants).unwrap_or(i32::MAX);
        now - self.at >= QUIET_PER_PARTICIPANT * participants
    }
}

async fn marked(chat: &Chat, after: ConversationId) -> Result<Vec<Marked>> {
    let db = &chat.store.reader();
    let sql = "SELECT id, CAST(participant_count AS bigint) AS participants, last_activity_at FROM chat_conversations \
               WHERE activity_moved AND id > $1 ORDER BY id LIMIT $2";
    let values = [after.into(), MAX_CONVERSATIONS.into()];
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    let marked = rows.into_iter().map(|row| {
        Ok(Marked {
            id: row.try_get("", "id")?,
            participants: row.try_get("", "participants")?,
            at: row.try_get("", "last_activity_at")?,
        })
    });
    Ok(marked.collect::<Result<_, sea_orm::DbErr>>()?)
}

/// Writes into the lists of some participants where these conversations stand; whether those were all. Nothing moves
/// meanwhile, and nobody joins: whoever sends or joins waits for the lock of the log.
async fn write(batch: &Batch, ids: &[ConversationId]) -> Result<bool> {
    let tx = &batch.tx;
    let (backend, values) = (tx.get_database_backend(), || list(tx, ids.iter().copied()));
    let among = is_listed::<ConversationId>(tx, "c.id", 1);
    let carry = format!(
        "UPDATE chat_participants SET listed_at = (SELECT CASE WHEN c.closed_at IS NULL THEN c.last_activity_at END \
         FROM chat_conversations c WHERE c.id = chat_participants.conversation_id) WHERE id IN (SELECT p.id \
         FROM chat_conversations c JOIN chat_participants p ON p.conversation_id = c.id WHERE {among} AND p.listed_at \
         IS DISTINCT FROM CASE WHEN c.closed_at IS NULL THEN c.last_activity_at END LIMIT $2)"
    );
    let limited = [values(), MAX_PARTICIPANTS.into()];
    let carried = tx.execute_raw(Statement::from_sql_and_values(backend, carry, limited)).await?.rows_affected();
    if i64::try_from(carried).unwrap_or(i64::MAX) >= MAX_PARTICIPANTS {
        return Ok(false);
    }
    let among = is_listed::<ConversationId>(tx, "id", 1);
    let done = format!("UPDATE chat_conversations SET activity_moved = false WHERE {among} AND activity_moved");
    tx.execute_raw(Statement::from_sql_and_values(backend, done, [values()])).await?;
    Ok(true)
}
