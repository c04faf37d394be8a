//! What PostgreSQL and SQLite say in different words: locks of rows.

use sea_orm::{ConnectionTrait, DbBackend};
use serde::Serialize;

/// The clause that locks the rows it reads until the transaction ends; SQLite's transactions lock the whole file.
pub fn for_update(db: &impl ConnectionTrait) -> &'static str {
    match db.get_database_backend() {
        DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    }
}

/// Any number of rows as the one value of a statement, whose text so stays the same: JSON, which both databases take
/// apart.
pub fn json(rows: &impl Serialize) -> String {
    serde_json::to_string(rows).expect("rows of plain values can be written")
}

/// Rows of numbers as part of a statement, what stands behind FROM: they are called `given`, have these columns, and are bound
/// at `$1` as [`json`] writes them, an object each.
pub fn given(db: &impl ConnectionTrait, columns: &[&str]) -> String {
    match db.get_database_backend() {
        DbBackend::Postgres => {
            let columns: Vec<String> = columns.iter().map(|column| format!("{column} bigint")).collect();
            format!("json_to_recordset(CAST($1 AS json)) AS given({})", columns.join(", "))
        }
        _ => {
            let columns: Vec<String> =
                columns.iter().map(|column| format!("value ->> '{column}' AS {column}")).collect();
            format!("(SELECT {} FROM json_each($1)) AS given", columns.join(", "))
        }
    }
}

/// The first rows of `chat_messages` for each value of a list, as part of a statement: what stands behind FROM. The
/// values are `listed.value`, bound at `$1` and written by [`list`](super::list); `column` is compared with them, and
/// `$2` of their rows are read, in the `order` of the ids, and no others.
pub fn first_messages_of_each(db: &impl ConnectionTrait, column: &str, order: &str) -> String {
    match db.get_database_backend() {
        DbBackend::Postgres => format!(
            "unnest(CAST($1 AS bigint[])) AS listed(value) CROSS JOIN LATERAL (SELECT * FROM chat_messages first \
             WHERE first.{column} = listed.value ORDER BY first.id {order} LIMIT $2) AS chat_messages"
        ),
        _ => format!(
            "json_each($1) AS listed CROSS JOIN chat_messages ON chat_messages.id IN (SELECT first.id \
             FROM chat_messages first WHERE first.{column} = listed.value ORDER BY first.id {order} LIMIT $2)"
        ),
    }
}

/// Joins the first row alone, in the order of `by`, of those for which `condition` holds of `first`; `table` ends with
/// the name that the row gets.
pub fn join_first(db: &impl ConnectionTrait, table: &str, condition: &str, by: &str) -> String {
    let (stored, name) = table.split_once(' ').unwrap_or((table, table));
    match db.get_database_backend() {
        DbBackend::Postgres => format!(
            "JOIN LATERAL (SELECT * FROM {stored} first WHERE {condition} ORDER BY {by} LIMIT 1) AS {name} ON true"
        ),
        _ => format!(
            // Else each row of the table would be asked whether it is that of somebody.
            "CROSS JOIN {stored} {name} ON {name}.id = (SELECT first.id FROM {stored} first WHERE {condition} ORDER BY {by} \
             LIMIT 1)"
        ),
    }
}
