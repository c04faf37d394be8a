//! What is asked of the other chat, one statement a kind of thing. Each answers with texts: all columns of its table, and behind
//! them what it joins.

use super::layout::Layout;
use super::tables::TABLES;

/// A statement, and what its columns are called.
pub struct Statement {
    pub sql: String,
    pub keys: Vec<&'static str>,
}

/// Something that stands alone: users, participants, reactions.
pub fn plain(layout: &Layout, table: &'static str) -> Statement {
    select(layout, table, &[], "")
}

/// Conversations, with the `people` of each, its `creator` if they are known, and the `first` who is known of those inside, the
/// owner if there is one.
pub fn conversations(layout: &Layout) -> Statement {
    let of = |column| layout.raw("p", "participants", column);
    let (room, user, users) = (of("conversation_id"), of("user_id"), layout.table("users"));
    let (id, known) = (layout.raw("t", "conversations", "id"), layout.raw("u", "users", "id"));
    let creator = layout.raw("t", "conversations", "created_by_id");
    let join = format!(
        "LEFT JOIN (SELECT {room} AS room, string_agg(DISTINCT {user}::text, ',') AS people, \
         (array_agg({user}::text ORDER BY COALESCE({}::text = 'OWNER', false) DESC, {}) \
         FILTER (WHERE {known} IS NOT NULL))[1] AS first \
         FROM {} p LEFT JOIN {users} u ON {known} = {user} GROUP BY {room}) inside ON inside.room = {id} \
         LEFT JOIN (SELECT {known}::text AS creator FROM {users} u) made ON made.creator = {creator}::text",
        of("role"),
        of("id"),
        layout.table("participants"),
    );
    select(layout, "conversations", &["people", "creator", "first"], &join)
}

/// Files that are attached to anything, with the `sender` of the first message that has them, and when that was sent.
pub fn files(layout: &Layout) -> Statement {
    let (file, attachment) = (layout.raw("a", "attachments", "file_id"), layout.raw("a", "attachments", "id"));
    let message = layout.raw("m", "messages", "id");
    let first =
        |value: String| format!("(array_agg({value} ORDER BY {attachment}) FILTER (WHERE {message} IS NOT NULL))[1]");
    let join = format!(
        "JOIN (SELECT {file} AS file, {} AS sender, {} AS sent_at FROM {} a \
         LEFT JOIN {} m ON {message} = {} GROUP BY {file}) sent ON sent.file = {}",
        first(layout.text("m", "messages", "sender_id")),
        first(layout.text("m", "messages", "created_at")),
        layout.table("attachments"),
        layout.table("messages"),
        layout.raw("a", "attachments", "message_id"),
        layout.raw("t", "files", "id")
    );
    select(layout, "files", &["sender", "sent_at"], &join)
}

/// Messages, with their `attachments` in order: `ID:FILE,…`.
pub fn messages(layout: &Layout) -> Statement {
    let of = |column| layout.raw("a", "attachments", column);
    let (message, id) = (of("message_id"), of("id"));
    let join = format!(
        "LEFT JOIN (SELECT {message} AS message, string_agg({id} || ':' || {}, ',' ORDER BY {}, {id}) AS attachments \
         FROM {} a GROUP BY {message}) attached ON attached.message = {}",
        of("file_id"),
        of("ordinal"),
        layout.table("attachments"),
        layout.raw("t", "messages", "id")
    );
    select(layout, "messages", &["attachments"], &join)
}

/// The rows of a table that refer to a row of another one which is not there.
pub fn orphans(layout: &Layout, table: &'static str, column: &str, parents: &str) -> Statement {
    let sql = format!(
        "SELECT {} FROM {} t WHERE NOT EXISTS (SELECT 1 FROM {} p WHERE {} = {}) ORDER BY {}",
        layout.text("t", table, "id"),
        layout.table(table),
        layout.table(parents),
        layout.raw("p", parents, "id"),
        layout.raw("t", table, column),
        layout.raw("t", table, "id")
    );
    Statement { sql, keys: vec!["id"] }
}

/// Receipts as moves of markers: whoever has read messages that follow one another at the same time has moved once, from
/// behind the one `before` the first of them up to the last.
pub fn receipts(layout: &Layout) -> Statement {
    let (message, reader) = (layout.raw("r", "receipts", "message_id"), layout.raw("r", "receipts", "user_id"));
    let time = layout.text("r", "receipts", "read_at");
    let sql = format!(
        "WITH numbered AS (SELECT {id} AS id, {room} AS room, row_number() OVER rooms AS number, \
         COALESCE(lag({id}) OVER rooms, 0) AS before FROM {messages} m \
         WINDOW rooms AS (PARTITION BY {room} ORDER BY {id})), \
         read AS (SELECT DISTINCT ON ({message}, {reader}) n.*, {reader} AS reader, {time} AS read_at \
         FROM {receipts} r JOIN numbered n ON n.id = {message} ORDER BY {message}, {reader}, read_at), \
         runs AS (SELECT *, number - row_number() OVER (PARTITION BY room, reader, read_at ORDER BY number) AS run \
         FROM read) \
         SELECT max(id)::text, room::text, reader::text, min(before)::text, read_at FROM runs \
         GROUP BY room, reader, read_at, run ORDER BY read_at, max(id), reader",
        id = layout.raw("m", "messages", "id"),
        room = layout.raw("m", "messages", "conversation_id"),
        messages = layout.table("messages"),
        receipts = layout.table("receipts"),
    );
    Statement { sql, keys: vec!["message_id", "conversation_id", "user_id", "before", "read_at"] }
}

/// How many rows there are to read, and of how many files: both at once.
pub fn counts(layout: &Layout) -> String {
    let counts = TABLES.map(|table| format!("(SELECT COUNT(*) FROM {})", layout.table(table.key)));
    let attached = format!("SELECT COUNT(*) FROM ({}) AS attached", files(layout).sql);
    format!("SELECT {}, ({attached})", counts.join(" + "))
}

fn select(layout: &Layout, table: &'static str, more: &[&'static str], join: &str) -> Statement {
    let columns = TABLES.iter().find(|known| known.key == table).map_or(&[][..], |known| known.columns);
    let mut keys: Vec<&'static str> = columns.iter().map(|column| column.key).collect();
    let mut told: Vec<String> = keys.iter().map(|key| layout.text("t", table, key)).collect();
    keys.extend(more);
    told.extend(more.iter().map(|key| (*key).to_owned()));
    let (told, id) = (told.join(", "), layout.raw("t", table, "id"));
    Statement { sql: format!("SELECT {told} FROM {} t {join} ORDER BY {id}", layout.table(table)), keys }
}
