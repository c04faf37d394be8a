//! Who is online, page by page: the members of each conversation of the viewer are walked by their ids and the walk stops
//! at the page, however many are online on the server and however large a group is.

use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement};

use crate::chat::Cx;
use crate::chat::access::CONVERSATIONS_OF;
use crate::chat::page;
use crate::chat::views::presence::Presence;
use crate::chat::views::user;
use crate::config::Visibility;
use crate::entity::clock;
use crate::entity::presence::{self, Column, PresenceStatus};
use crate::error::Result;
use crate::id::UserId;

/// Who is online, of those whom the caller may see; the first `limit` by id after `after`.
pub async fn online(cx: &Cx, after: Option<UserId>, limit: u64) -> Result<page::Page<Presence>> {
    let db = &cx.reader();
    let after = after.map_or(0, UserId::get);
    let rows = match cx.chat.config.presence.visibility {
        Visibility::Shared => of_neighbours(db, cx.me(), after, limit + 1).await?,
        Visibility::Everyone => of_everybody(db, after, limit + 1).await?,
    };
    let page = page::Page::cut(rows, limit);
    let users = user::by_ids(db, &page.items.iter().map(|row| row.user_id).collect::<Vec<_>>()).await?;
    let now = clock::now();
    Ok(page.map(|rows| {
        rows.iter().filter_map(|row| Some(Presence::of(users.get(&row.user_id)?, Some(row), now))).collect()
    }))
}

async fn of_everybody(db: &impl ConnectionTrait, after: i64, limit: u64) -> Result<Vec<presence::Model>> {
    let rows = presence::Entity::find()
        .filter(Column::SeenUntil.gt(clock::now()))
        .filter(Column::Status.ne(PresenceStatus::Offline))
        .filter(Column::UserId.gt(after))
        .order_by_asc(Column::UserId)
        .limit(limit);
    Ok(rows.all(db).await?)
}

/// Those in the open conversations of `viewer`, and the viewer: the first few of each conversation, and of these the first.
async fn of_neighbours(
    db: &impl ConnectionTrait,
    viewer: UserId,
    after: i64,
    limit: u64,
) -> Result<Vec<presence::Model>> {
    const HERE: &str = "o.seen_until > $2 AND o.status <> 'OFFLINE'";
    let backend = db.get_database_backend();
    let of_each = match backend {
        DbBackend::Sqlite => format!(
            "SELECT f.user_id FROM ({CONVERSATIONS_OF}$1) AS mine CROSS JOIN chat_participants f WHERE f.id IN \
             (SELECT p.id FROM chat_participants p CROSS JOIN chat_user_presence o \
             WHERE p.conversation_id = mine.conversation_id AND p.user_id > $3 AND o.user_id = p.user_id AND {HERE} \
             ORDER BY p.user_id LIMIT $4)"
        ),
        _ => format!(
            // The limits keep the planner from going through all who are here instead.
            "SELECT f.user_id FROM ({CONVERSATIONS_OF}$1) AS mine CROSS JOIN LATERAL (SELECT p.user_id \
             FROM chat_participants p CROSS JOIN LATERAL (SELECT * FROM chat_user_presence WHERE user_id = p.user_id \
             LIMIT 1) AS o WHERE p.conversation_id = mine.conversation_id AND p.user_id > $3 AND {HERE} \
             ORDER BY p.user_id LIMIT $4) AS f"
        ),
    };
    let sql = format!(
        "SELECT o.* FROM (SELECT user_id FROM ({of_each} UNION SELECT o.user_id \
         FROM (SELECT * FROM chat_user_presence WHERE user_id = $1 LIMIT 1) AS o WHERE o.user_id > $3 AND {HERE}) AS each ORDER BY user_id LIMIT $4) AS found \
         CROSS JOIN chat_user_presence o WHERE o.user_id = found.user_id ORDER BY o.user_id"
    );
    let values = [viewer.into(), clock::now().into(), after.into(), limit.cast_signed().into()];
    let found = presence::Entity::find().from_raw_sql(Statement::from_sql_and_values(backend, sql, values));
    Ok(found.all(db).await?)
}
