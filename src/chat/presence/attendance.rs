//! The statements that say who is connected to which node, and what follows for how people are seen. All of them run beside
//! the log. Whoever changes how somebody is seen holds their row, so that of two departures at once the later one sees the
//! other.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    Statement, Value,
};
use serde::Serialize;

use super::announce::presence_event;
use crate::chat::notes::Note;
use crate::chat::views::presence::Presence;
use crate::chat::views::user;
use crate::cluster::connections::Attendance;
use crate::cluster::frame::NodeId;
use crate::cluster::nodes;
use crate::entity::clock;
use crate::entity::presence::{self, Column, PresenceStatus};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::{self, among, is_listed, list, rows_of};

/// People whose rows are changed at once.
pub(super) const MAX_TOGETHER: usize = 500;

/// Writes down who is connected to this node, and tells of those of whom others see a difference, and of those whose last
/// change may be written down and untold.
///
/// # Errors
/// `Unavailable` while the node is not written down as alive: whoever is connected to it would be buried with it.
pub(super) async fn write(note: &mut Note<'_>, node: &NodeId, changed: &[Attendance]) -> Result<()> {
    if !nodes::is_written_down(note.tx, node).await? {
        return Err(Error::unavailable());
    }
    let (here, gone): (Vec<Attendance>, Vec<Attendance>) = changed.iter().partition(|one| one.connections > 0);
    let ids = |people: &[Attendance]| people.iter().map(|one| one.user).collect::<Vec<UserId>>();
    let (arrived, departed) = (ids(&here), ids(&gone));
    let untold: Vec<UserId> = changed.iter().filter(|one| one.is_untold).map(|one| one.user).collect();
    make_rows(note, &arrived).await?;
    let rows = lock_rows(note, changed.iter().map(|one| one.user)).await?;
    attend(note, node, &here).await?;
    leave(note, node, &departed).await?;
    let elsewhere = connected_to_others(note, node, &departed).await?;
    let after = rows.into_iter().filter_map(|row| {
        let is_here = arrived.contains(&row.user_id);
        let is_gone = departed.contains(&row.user_id) && !elsewhere.contains_key(&row.user_id);
        // Whoever has moved to another node is told of if nobody was told that they came.
        (is_here || is_gone || untold.contains(&row.user_id)).then(|| seen(row, !is_gone, note.now))
    });
    let after = after.collect();
    update(note, after, &untold).await
}

/// Those of these people who were connected to a node that has ended are gone, unless they are connected to another one.
/// It is told whether or not others see a difference: nobody was told so when the node ended.
pub(super) async fn bury(note: &mut Note<'_>, node: &str, people: &[UserId]) -> Result<()> {
    let rows = lock_rows(note, people.iter().copied()).await?;
    leave(note, node, people).await?;
    let elsewhere = connected_to_others(note, node, people).await?;
    let after = rows.into_iter().filter(|row| !elsewhere.contains_key(&row.user_id)).filter_map(|row| {
        // Whoever was here by another sign of life since then is here still.
        let is_here = !row.is_connected() && row.seen_until.is_some_and(|until| until > note.now);
        (!is_here).then(|| {
            let (before, mut after) = seen(row, false, note.now);
            // It ended when the node did; only the telling of it waited.
            if !before.is_connected() {
                (after.seen_until, after.last_seen_at) = (before.seen_until, before.last_seen_at);
            }
            after.version += 1;
            after
        })
    });
    let after: Vec<presence::Model> = after.collect();
    let told = after.iter().filter(|row| row.status != PresenceStatus::Offline).cloned().collect();
    write_rows(note, after).await?;
    tell(note, told).await
}

/// Everybody who is connected to this node is seen as gone, and nobody is told so: they have a few seconds to be back.
///
/// # Errors
/// What the database says.
pub(super) async fn end(note: &mut Note<'_>, node: &str) -> Result<()> {
    // Somebody invisible gives no sign of life.
    let sql = "UPDATE chat_user_presence SET seen_until = $1, \
        last_seen_at = CASE WHEN status = 'OFFLINE' THEN last_seen_at ELSE $1 END \
        WHERE seen_until = $3 AND user_id IN (SELECT user_id FROM chat_attendance WHERE node_id = $2)";
    run(note.tx, sql, [note.now.into(), node.into(), clock::for_ever().into()]).await.map(drop)
}

/// The first few of those connected to a node that has ended, by their ids. One that has just come back has nobody: who
/// sees its people sees that it is alive.
pub(super) async fn of_ended(db: &impl ConnectionTrait, node: &str, most: usize) -> Result<Vec<UserId>> {
    let sql = "SELECT user_id FROM chat_attendance WHERE node_id = $1 \
        AND NOT EXISTS (SELECT 1 FROM chat_nodes n WHERE n.id = $1 AND n.seen_until > $3) ORDER BY user_id LIMIT $2";
    let values = [node.into(), i64::try_from(most).unwrap_or(i64::MAX).into(), clock::now().into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = db.query_all_raw(statement).await?;
    Ok(rows.iter().map(|row| row.try_get("", "user_id")).collect::<std::result::Result<_, _>>()?)
}

/// Nodes to which somebody counts as connected and which are not in the table of the nodes.
pub(super) async fn forgotten_nodes(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let sql = "SELECT DISTINCT node_id FROM chat_attendance a \
        WHERE NOT EXISTS (SELECT 1 FROM chat_nodes n WHERE n.id = a.node_id)";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    Ok(rows.iter().map(|row| row.try_get("", "node_id")).collect::<std::result::Result<_, _>>()?)
}

/// Those who count as connected, and are to no node: the first few. There are some after PostgreSQL crashed, which
/// forgets who was.
pub(super) async fn lost(db: &impl ConnectionTrait, most: usize) -> Result<Vec<UserId>> {
    let sql = "SELECT p.user_id FROM chat_user_presence p WHERE p.seen_until = $1 \
        AND NOT EXISTS (SELECT 1 FROM chat_attendance a WHERE a.user_id = p.user_id) LIMIT $2";
    let values = [clock::for_ever().into(), i64::try_from(most).unwrap_or(i64::MAX).into()];
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    Ok(rows.iter().map(|row| row.try_get("", "user_id")).collect::<std::result::Result<_, _>>()?)
}

/// How many connections somebody has at the other nodes that are alive.
///
/// # Errors
/// What the database says.
pub(super) async fn connections_elsewhere(db: &impl ConnectionTrait, node: &str, user: UserId) -> Result<i64> {
    Ok(elsewhere(db, node, &[user]).await?.remove(&user).unwrap_or(0))
}

fn seen(before: presence::Model, here: bool, now: DateTime<Utc>) -> (presence::Model, presence::Model) {
    let mut after = before.clone();
    after.seen_until = Some(if here { clock::for_ever() } else { now });
    // Somebody invisible gives no sign of life.
    if after.status != PresenceStatus::Offline {
        after.last_seen_at = Some(now);
    }
    (before, after)
}

/// Writes rows as they are afterwards, and tells of those of whom others see a difference, and of the `untold`.
async fn update(note: &mut Note<'_>, rows: Vec<(presence::Model, presence::Model)>, untold: &[UserId]) -> Result<()> {
    let look = |row: &presence::Model| {
        let here = row.seen_until.is_some_and(|until| until > note.now);
        if here { row.status } else { PresenceStatus::Offline }
    };
    // Nothing is told of somebody invisible.
    let is_owed = |row: &presence::Model| row.status != PresenceStatus::Offline && untold.contains(&row.user_id);
    let is_told = |before, after| look(before) != look(after) || is_owed(after);
    let told: Vec<UserId> =
        rows.iter().filter(|(before, after)| is_told(before, after)).map(|(_, after)| after.user_id).collect();
    let written = rows.into_iter().map(|(_, mut after)| {
        after.version += i64::from(told.contains(&after.user_id));
        after
    });
    let written: Vec<presence::Model> = written.collect();
    let told = written.iter().filter(|row| told.contains(&row.user_id)).cloned().collect();
    write_rows(note, written).await?;
    tell(note, told).await
}

async fn tell(note: &mut Note<'_>, rows: Vec<presence::Model>) -> Result<()> {
    let users = user::by_ids(note.tx, &rows.iter().map(|row| row.user_id).collect::<Vec<_>>()).await?;
    for row in rows {
        if let Some(user) = users.get(&row.user_id) {
            note.signal(presence_event(Presence::of(user, Some(&row), note.now), row.version));
        }
    }
    Ok(())
}

/// Makes the rows of those who have none.
async fn make_rows(note: &Note<'_>, people: &[UserId]) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO chat_user_presence (user_id, status, updated_at, version) \
         SELECT u.id, 'ONLINE', $2, 0 FROM {} CROSS JOIN chat_users u WHERE u.id = listed.value \
         ON CONFLICT (user_id) DO NOTHING",
        rows_of::<UserId>(note.tx, 1)
    );
    run(note.tx, &sql, [list(note.tx, people.iter().copied()), note.now.into()]).await.map(drop)
}

/// The rows of these people, locked in the order of their ids.
async fn lock_rows(note: &Note<'_>, people: impl Iterator<Item = UserId>) -> Result<Vec<presence::Model>> {
    let rows = presence::Entity::find().filter(among(note.tx, Column::UserId, people)).order_by_asc(Column::UserId);
    let rows = if note.tx.get_database_backend() == DbBackend::Postgres { rows.lock_exclusive() } else { rows };
    Ok(rows.all(note.tx).await?)
}

/// Somebody at a node, as the statements read it.
#[derive(Serialize)]
struct Attending {
    user: UserId,
    connections: usize,
}

async fn attend(note: &Note<'_>, node: &str, people: &[Attendance]) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let given = match note.tx.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT a.\"user\", $2, a.connections FROM json_to_recordset(CAST($1 AS json)) \
             AS a(\"user\" bigint, connections bigint)"
        }
        _ => "SELECT value ->> 'user', $2, value ->> 'connections' FROM json_each($1) WHERE true",
    };
    let sql = format!(
        "INSERT INTO chat_attendance (user_id, node_id, connections) {given} \
         ON CONFLICT (user_id, node_id) DO UPDATE SET connections = excluded.connections"
    );
    let rows = people.iter().map(|one| Attending { user: one.user, connections: one.connections });
    run(note.tx, &sql, [store::json(&rows.collect::<Vec<_>>()).into(), node.into()]).await.map(drop)
}

async fn leave(note: &Note<'_>, node: &str, people: &[UserId]) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let sql =
        format!("DELETE FROM chat_attendance WHERE node_id = $2 AND {}", is_listed::<UserId>(note.tx, "user_id", 1));
    run(note.tx, &sql, [list(note.tx, people.iter().copied()), node.into()]).await.map(drop)
}

async fn connected_to_others(note: &Note<'_>, node: &str, people: &[UserId]) -> Result<HashMap<UserId, i64>> {
    if people.is_empty() {
        return Ok(HashMap::new());
    }
    elsewhere(note.tx, node, people).await
}

#[derive(FromQueryResult)]
struct Elsewhere {
    user_id: UserId,
    connections: i64,
}

async fn elsewhere(db: &impl ConnectionTrait, node: &str, people: &[UserId]) -> Result<HashMap<UserId, i64>> {
    let sql = format!(
        "SELECT a.user_id, CAST(sum(a.connections) AS bigint) AS connections FROM chat_attendance a \
         JOIN chat_nodes n ON n.id = a.node_id \
         WHERE {} AND a.node_id <> $2 AND n.seen_until > $3 GROUP BY a.user_id",
        is_listed::<UserId>(db, "a.user_id", 1)
    );
    let values = [list(db, people.iter().copied()), node.into(), clock::now().into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = Elsewhere::find_by_statement(statement).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.connections)).collect())
}

/// Writes rows that are locked, as far as what is here changes them.
async fn write_rows(note: &Note<'_>, rows: Vec<presence::Model>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = rows.into_iter().map(|row| presence::ActiveModel {
        user_id: Set(row.user_id),
        status: Set(row.status),
        seen_until: Set(row.seen_until),
        last_seen_at: Set(row.last_seen_at),
        updated_at: Set(row.updated_at),
        version: Set(row.version),
        ..presence::ActiveModel::default()
    });
    let columns = [Column::SeenUntil, Column::LastSeenAt, Column::Version];
    let again = OnConflict::column(Column::UserId).update_columns(columns).to_owned();
    presence::Entity::insert_many(rows).on_conflict(again).exec_without_returning(note.tx).await?;
    Ok(())
}

async fn run<const N: usize>(db: &impl ConnectionTrait, sql: &str, values: [Value; N]) -> Result<u64> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(db.execute_raw(statement).await?.rows_affected())
}
