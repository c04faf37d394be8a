//! Which migrations a database has, and which programs can serve it: those of the release before its own go on while the
//! others are brought to the new one (protocol §14).

use std::collections::HashSet;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Statement};

use crate::PROGRAM;

/// The names of the migrations that a database has. None in one that is empty.
pub(crate) async fn applied(db: &impl ConnectionTrait) -> Result<HashSet<String>, DbErr> {
    let there = match db.get_database_backend() {
        DbBackend::Sqlite => "SELECT count(*) FROM sqlite_schema WHERE name = 'seaql_migrations'",
        _ => "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'seaql_migrations'",
    };
    if number(db, there).await? == Some(0) {
        return Ok(HashSet::new());
    }
    let sql = "SELECT version FROM seaql_migrations";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}

/// Whether a newer program has brought a database further than this one, which knows these, would; it is left alone then.
///
/// # Errors
/// That this program cannot serve it any more.
pub(crate) async fn is_ahead(
    db: &impl ConnectionTrait,
    known: impl IntoIterator<Item = String>,
) -> Result<bool, DbErr> {
    let known: HashSet<String> = known.into_iter().collect();
    let mut unknown: Vec<String> = applied(db).await?.into_iter().filter(|one| !known.contains(one)).collect();
    if unknown.is_empty() {
        return Ok(false);
    }
    let oldest = number(db, "SELECT oldest FROM chat_schema WHERE id = 1").await.ok().flatten().unwrap_or(i64::MAX);
    if exact(known.len()) >= oldest {
        return Ok(true);
    }
    unknown.sort();
    Err(DbErr::Custom(refusal(program(db).await.as_deref(), &unknown)))
}

/// Why a database is left to newer programs: which one has migrated it, or by what, where it says nothing of that.
fn refusal(program: Option<&str>, unknown: &[String]) -> String {
    let (by, advice) = match program {
        Some(program) => (format!("confab {program}"), format!("confab {program}")),
        None => (unknown.join(", "), "the version that did so".to_owned()),
    };
    format!(
        "it was brought to a newer state by {by} than this confab {PROGRAM} can serve: start {advice}, or one release \
         older than that"
    )
}

/// The version of the program that has brought a database to its state; none where that was before it is written down.
async fn program(db: &impl ConnectionTrait) -> Option<String> {
    let sql = "SELECT program FROM chat_schema WHERE id = 1";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.ok()??;
    row.try_get_by_index(0).ok()?
}

/// Writes down how far a database is, which programs can serve it, and by which one it came there.
pub(crate) async fn write(db: &impl ConnectionTrait, level: usize, oldest: usize, program: &str) -> Result<(), DbErr> {
    let sql = "UPDATE chat_schema SET level = $1, oldest = $2, program = $3 \
               WHERE id = 1 AND (level <> $1 OR oldest <> $2)";
    let values = [exact(level).into(), exact(oldest).into(), program.into()];
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await.map(drop)
}

fn exact(count: usize) -> i64 {
    TryFrom::try_from(count).unwrap_or(i64::MAX)
}

async fn number(db: &impl ConnectionTrait, sql: &str) -> Result<Option<i64>, DbErr> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{migrated, number as one};
    use crate::{Migrator, is_current, migrate};

    #[tokio::test]
    async fn a_database_of_the_next_release_is_served_and_left_alone_and_one_of_a_later_is_refused() {
        let db = migrated().await;
        let level = exact(Migrator::migrations().len());
        assert_eq!(one(&db, "SELECT level FROM chat_schema").await, level);
        db.execute_unprepared("INSERT INTO seaql_migrations VALUES ('m20270101_000099_next', 1)").await.unwrap();
        let ahead = format!("UPDATE chat_schema SET level = {}", level + 1);
        db.execute_unprepared(&ahead).await.unwrap();
        migrate(&db).await.unwrap();
        assert_eq!(one(&db, "SELECT level FROM chat_schema").await, level + 1, "it is the newer program's");
        assert!(is_current(&db).await);

        db.execute_unprepared(&format!("UPDATE chat_schema SET oldest = {}", level + 1)).await.unwrap();
        let refused = migrate(&db).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("by confab {PROGRAM} than this confab {PROGRAM} can serve")), "{refused}");
        assert!(!is_current(&db).await);
        db.execute_unprepared("UPDATE chat_schema SET program = NULL").await.unwrap();
        let refused = migrate(&db).await.unwrap_err().to_string();
        assert!(refused.contains("a newer state by m20270101_000099_next than this confab"), "{refused}");
    }

    #[tokio::test]
    async fn an_empty_database_has_no_migration() {
        let db = sea_orm_migration::sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        assert!(applied(&db).await.unwrap().is_empty());
        assert!(!is_current(&db).await);
    }
}
