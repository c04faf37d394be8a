//! Finding messages by the beginnings of words. It knows no language: the words come prepared in `search_words`,
//! without case, accents and punctuation, apart by single blanks.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::choose(manager, POSTGRES, SQLITE).await
    }
}

/// A query is served by the index only where it repeats this expression letter for letter. No text-search
/// configuration has a part in it, so a word is what its preparation made it.
const POSTGRES: &[&str] = &[
    "
CREATE INDEX chat_messages_by_words ON chat_messages USING gin (array_to_tsvector(string_to_array(search_words, ' ')))",
];

/// The words stay in `chat_messages`; the index holds only which row has which word. The tokenizer `ascii` takes
/// every character beyond ASCII, an emoji too, for a letter.
const SQLITE: &[&str] = &[
    "
CREATE VIRTUAL TABLE chat_message_words USING fts5 (
    search_words,
    content = 'chat_messages',
    content_rowid = 'id',
    tokenize = 'ascii',
    prefix = '2 3',
    detail = 'none',
    columnsize = 0
)",
    "
CREATE TRIGGER chat_message_words_inserted AFTER INSERT ON chat_messages WHEN new.search_words IS NOT NULL
BEGIN
    INSERT INTO chat_message_words (rowid, search_words) VALUES (new.id, new.search_words);
END",
    // One trigger for both halves: the order of two would not be defined.
    "
CREATE TRIGGER chat_message_words_updated AFTER UPDATE OF search_words ON chat_messages
BEGIN
    INSERT INTO chat_message_words (chat_message_words, rowid, search_words)
        SELECT 'delete', old.id, old.search_words WHERE old.search_words IS NOT NULL;
    INSERT INTO chat_message_words (rowid, search_words)
        SELECT new.id, new.search_words WHERE new.search_words IS NOT NULL;
END",
    "
CREATE TRIGGER chat_message_words_deleted AFTER DELETE ON chat_messages WHEN old.search_words IS NOT NULL
BEGIN
    INSERT INTO chat_message_words (chat_message_words, rowid, search_words)
        VALUES ('delete', old.id, old.search_words);
END",
];
