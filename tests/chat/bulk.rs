//! Long histories, written behind the server's back: what costs the same at any length is tried at a great one.

use sea_orm::{ConnectionTrait, Database, Statement};

use crate::person::Person;
use crate::server::Server;
use crate::sockets::until;

/// Puts `messages` messages of `sender` into a conversation, each of a few words.
pub async fn history(server: &Server, conversation: i64, sender: &Person, messages: i64) {
    let rows = "INSERT INTO chat_messages \
        (id, conversation_id, sender_id, message_type, content, search_words, created_at, number, sender_number) \
        WITH RECURSIVE numbers(number) AS \
        (SELECT CAST($1 AS bigint) UNION ALL SELECT number - 1 FROM numbers WHERE number > 1) \
        SELECT (SELECT message_id FROM chat_log) + number, CAST($2 AS bigint), CAST($3 AS bigint), 'TEXT', \
        'number ' || number, 'number ' || number, $4, \
        (SELECT message_count FROM chat_conversations WHERE id = $2) + number, \
        (SELECT COALESCE(MAX(sender_number), 0) FROM chat_messages WHERE conversation_id = $2 AND sender_id = $3) \
        + number FROM numbers ORDER BY number";
    let now: sea_orm::Value = crate::now().into();
    server.meddle(rows, vec![messages.into(), conversation.into(), sender.id.into(), now]).await;
    server.meddle("UPDATE chat_log SET message_id = message_id + $1", vec![messages.into()]).await;
    let counted = "UPDATE chat_conversations SET message_count = message_count + $1, \
        last_message_id = (SELECT message_id FROM chat_log), last_message_at = $2, last_activity_at = $2 WHERE id = $3";
    server.meddle(counted, vec![messages.into(), crate::now().into(), conversation.into()]).await;
}

/// Waits until the latest activity of every conversation was carried to the lists.
pub async fn until_carried(server: &Server) {
    let moved = "SELECT COUNT(*) FROM chat_conversations WHERE activity_moved";
    until("all activity is carried", async || number(server, moved).await == 0).await;
}

/// The one number that a statement answers with.
pub async fn number(server: &Server, sql: &str) -> i64 {
    let connection = Database::connect(server.database_url()).await.expect("the database answers");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.expect("the database answers").expect("a row");
    connection.close().await.ok();
    row.try_get_by_index(0).expect("a number")
}
