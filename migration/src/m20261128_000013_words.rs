//! Words that are looked up conversation by conversation: each stands in the index behind the number of its
//! conversation, so that a search reads no word of a conversation that it does not ask about. Words of before keep their
//! column and their index until they have been written anew, a few at a time, by the server. It knows no language.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::choose(manager, &[], SQLITE_BEFORE).await?;
        dialect::run(manager, COLUMNS).await?;
        dialect::choose(manager, POSTGRES, SQLITE).await
    }
}

/// `old_below`: only messages with a smaller id may have words of before. 0 once there are none.
const COLUMNS: &[&str] = &[
    "ALTER TABLE chat_messages RENAME COLUMN search_words TO old_words",
    "ALTER TABLE chat_messages ADD COLUMN search_words text
        CONSTRAINT search_words_are_apart_by_single_blanks CHECK (
            search_words NOT LIKE ' %' AND search_words NOT LIKE '% ' AND search_words NOT LIKE '%  %'
        )
        CONSTRAINT a_tombstone_has_no_words CHECK (NOT is_deleted OR search_words IS NULL)",
    "CREATE TABLE chat_search (
        id bigint PRIMARY KEY,
        old_below bigint NOT NULL,
        CONSTRAINT there_is_one_row CHECK (id = 1),
        CONSTRAINT a_place_is_not_negative CHECK (old_below >= 0)
    )",
    "INSERT INTO chat_search (id, old_below) SELECT 1, COALESCE(MAX(id) + 1, 0) FROM chat_messages",
];

/// A query is served by the index only where it repeats this expression letter for letter. A `_` stands in no word, so it
/// parts the conversation from the word.
const POSTGRES: &[&str] = &["
CREATE INDEX chat_messages_by_conversation_words ON chat_messages USING gin (array_to_tsvector(string_to_array(
    CAST(conversation_id AS text) || '_' || replace(search_words, ' ', ' ' || CAST(conversation_id AS text) || '_'), ' '
)))"];

/// The triggers that fed the first index. It only forgets from now on.
const SQLITE_BEFORE: &[&str] = &[
    "DROP TRIGGER chat_message_words_inserted",
    "DROP TRIGGER chat_message_words_updated",
    "DROP TRIGGER chat_message_words_deleted",
];

/// The index keeps no text: what it shall forget is said to it as it was said when it was told. No beginnings of two and
/// three letters are kept apart, as those of one conversation are few.
const SQLITE: &[&str] = &[
    "
CREATE TRIGGER chat_message_words_updated AFTER UPDATE OF old_words ON chat_messages
WHEN old.old_words IS NOT NULL
BEGIN
    INSERT INTO chat_message_words (chat_message_words, rowid, search_words)
        VALUES ('delete', old.id, old.old_words);
END",
    "
CREATE TRIGGER chat_message_words_deleted AFTER DELETE ON chat_messages WHEN old.old_words IS NOT NULL
BEGIN
    INSERT INTO chat_message_words (chat_message_words, rowid, search_words)
        VALUES ('delete', old.id, old.old_words);
END",
    "
CREATE VIRTUAL TABLE chat_search_words USING fts5 (
    words,
    content = '',
    tokenize = \"ascii tokenchars '_'\",
    detail = 'none',
    columnsize = 0
)",
    "
CREATE TRIGGER chat_search_words_inserted AFTER INSERT ON chat_messages WHEN new.search_words IS NOT NULL
BEGIN
    INSERT INTO chat_search_words (rowid, words) VALUES
        (new.id, new.conversation_id || '_' || replace(new.search_words, ' ', ' ' || new.conversation_id || '_'));
END",
    // One trigger for both halves: the order of two would not be defined.
    "
CREATE TRIGGER chat_search_words_updated AFTER UPDATE OF search_words ON chat_messages
BEGIN
    INSERT INTO chat_search_words (chat_search_words, rowid, words)
        SELECT 'delete', old.id,
            old.conversation_id || '_' || replace(old.search_words, ' ', ' ' || old.conversation_id || '_')
        WHERE old.search_words IS NOT NULL;
    INSERT INTO chat_search_words (rowid, words)
        SELECT new.id, new.conversation_id || '_' || replace(new.search_words, ' ', ' ' || new.conversation_id || '_')
        WHERE new.search_words IS NOT NULL;
END",
    "
CREATE TRIGGER chat_search_words_deleted AFTER DELETE ON chat_messages WHEN old.search_words IS NOT NULL
BEGIN
    INSERT INTO chat_search_words (chat_search_words, rowid, words) VALUES
        ('delete', old.id,
            old.conversation_id || '_' || replace(old.search_words, ' ', ' ' || old.conversation_id || '_'));
END",
];
