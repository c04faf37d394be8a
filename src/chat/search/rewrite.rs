//! Words of before, written anew a few at a time while the server serves, newest first. What is done is written down: the
//! next process goes on from there.

use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement};
use serde_json::json;

use crate::chat::Chat;
use crate::chat::text;
use crate::chat::writer::Batch;
use crate::entity::message;
use crate::error::Result;

/// Messages that are looked at in one go, and characters of their contents.
const MAX_MESSAGES: u64 = 200;
const MAX_CHARS: usize = 32 * 1024;
/// Each so many messages, the log says how far it is.
const REPORT_INTERVAL: i64 = 100_000;

/// Reads how far it is.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn look(chat: &Chat) -> Result<i64> {
    let db = &chat.store.reader();
    let sql = "SELECT old_below FROM chat_search WHERE id = 1";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let below = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    chat.old_words.fall_to(below);
    Ok(below)
}

/// Writes the words of some messages anew; whether there is more to do.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn rewrite(chat: &Chat) -> Result<bool> {
    let below = look(chat).await?;
    if below == 0 {
        return Ok(false);
    }
    let rows: Vec<(i64, Option<String>)> = message::Entity::find()
        .select_only()
        .column(message::Column::Id)
        .column(message::Column::Content)
        .filter(message::Column::Id.lt(below))
        .filter(message::Column::OldWords.is_not_null())
        .order_by_desc(message::Column::Id)
        .limit(MAX_MESSAGES)
        .into_tuple()
        .all(&chat.store.reader())
        .await?;
    let portion = portion(&rows);
    let next = if portion < rows.len() || rows.len() as u64 == MAX_MESSAGES { rows[portion - 1].0 } else { 0 };
    let words: Vec<_> = rows[..portion]
        .iter()
        .map(|(id, content)| json!({ "id": id, "words": content.as_deref().map(text::words) }))
        .collect();
    let words = serde_json::Value::Array(words).to_string();
    let rewritten = chat.write(async move |batch: &mut Batch| {
        let db = batch.tx.get_database_backend();
        // Another process may have been here meanwhile.
        let mine = "UPDATE chat_search SET old_below = $1 WHERE id = 1 AND old_below = $2";
        let mine = Statement::from_sql_and_values(db, mine, [next.into(), below.into()]);
        if batch.tx.execute_raw(mine).await?.rows_affected() == 1 {
            batch.tx.execute_raw(Statement::from_sql_and_values(db, update(db), [words.into()])).await?;
        }
        Ok(())
    });
    rewritten.await?;
    if next == 0 {
        tracing::info!("the words of all messages are as searches ask for them");
    } else if next / REPORT_INTERVAL < below / REPORT_INTERVAL {
        tracing::info!(left = next, "words of older messages are being written anew for searches");
    }
    chat.old_words.fall_to(next);
    Ok(next > 0)
}

/// Whoever was edited or deleted meanwhile has no words of before, and is left alone.
fn update(db: DbBackend) -> &'static str {
    match db {
        DbBackend::Postgres => {
            "UPDATE chat_messages AS m SET search_words = rewritten.words, old_words = NULL \
             FROM json_to_recordset(CAST($1 AS json)) AS rewritten(id bigint, words text) \
             WHERE m.id = rewritten.id AND m.old_words IS NOT NULL"
        }
        _ => {
            "UPDATE chat_messages AS m SET search_words = json_extract(rewritten.value, '$.words'), old_words = NULL \
             FROM json_each($1) AS rewritten \
             WHERE m.id = json_extract(rewritten.value, '$.id') AND m.old_words IS NOT NULL"
        }
    }
}

/// How many of the messages are done in one go.
fn portion(rows: &[(i64, Option<String>)]) -> usize {
    let mut chars = 0;
    for (place, (_, content)) in rows.iter().enumerate() {
        chars += content.as_deref().map_or(0, |content| content.chars().count());
        if chars >= MAX_CHARS {
            return place + 1;
        }
    }
    rows.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_ends_with_its_characters() {
        let rows =
            |count: i64, chars: usize| -> Vec<_> { (0..count).map(|id| (id, Some("é".repeat(chars)))).collect() };
        assert_eq!(portion(&[]), 0);
        assert_eq!(portion(&rows(200, 10)), 200);
        assert_eq!(portion(&rows(200, 10_000)), 4);
        assert_eq!(portion(&[(1, None)]), 1);
    }
}
