//! The words of people's names, by whose beginnings they are found. It knows no language: the server writes the words, and
//! a name whose words are not written yet can be told.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, STATEMENTS).await?;
        dialect::choose(manager, POSTGRES, SQLITE).await
    }
}

/// `words_of` is the name whose words are written: another one than `name` where a program wrote it that does not know of
/// words.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE chat_users ADD COLUMN words_of text",
    "CREATE INDEX chat_users_without_words ON chat_users (id) WHERE words_of IS DISTINCT FROM name",
];

/// Beginnings are ranges of words byte by byte, and so is the order of those who are found.
const POSTGRES: &[&str] = &[
    "
CREATE TABLE chat_user_words (
    word text COLLATE \"C\" NOT NULL,
    user_id bigint NOT NULL CONSTRAINT a_word_is_of_a_user REFERENCES chat_users (id) ON DELETE CASCADE,
    PRIMARY KEY (word, user_id)
)",
    "CREATE INDEX chat_user_words_by_user ON chat_user_words (user_id)",
];

const SQLITE: &[&str] = &[
    "
CREATE TABLE chat_user_words (
    word text NOT NULL,
    user_id integer NOT NULL CONSTRAINT a_word_is_of_a_user REFERENCES chat_users (id) ON DELETE CASCADE,
    PRIMARY KEY (word, user_id)
) STRICT, WITHOUT ROWID",
    "CREATE INDEX chat_user_words_by_user ON chat_user_words (user_id)",
];
