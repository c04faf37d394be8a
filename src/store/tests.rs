//! What transactions on SQLite come to when the database undoes them, or somebody tries to commit behind their back; and
//! those that are one statement.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, Statement};

use super::transaction::undone;
use super::{Outcome, Store, Transaction};

/// A store on SQLite in a folder of its own, with a table to write to.
async fn store() -> (Store, std::path::PathBuf) {
    let folder = std::env::temp_dir().join(format!("confab_transaction_{}", uuid::Uuid::new_v4().simple()));
    let store = Store::open(&format!("sqlite:{}/chat.db", folder.display())).await.unwrap();
    let tx = store.begin().await.unwrap();
    tx.execute_unprepared("CREATE TABLE notes (text TEXT NOT NULL)").await.unwrap();
    tx.commit().await.unwrap();
    (store, folder)
}

async fn write(tx: &Transaction, text: &str) -> Result<ExecResult, DbErr> {
    tx.execute_unprepared(&format!("INSERT INTO notes VALUES ('{text}')")).await
}

async fn notes(store: &Store) -> Vec<String> {
    let sql = Statement::from_string(DbBackend::Sqlite, "SELECT substr(text, 1, 20) AS text FROM notes");
    let rows = store.reader().query_all_raw(sql).await.unwrap();
    rows.iter().map(|row| row.try_get("", "text").unwrap()).collect()
}

async fn end(store: Store, folder: std::path::PathBuf) {
    store.close().await;
    std::fs::remove_dir_all(folder).ok();
}

#[tokio::test]
async fn a_transaction_that_a_full_disk_undid_takes_nothing_more_and_the_next_one_is_sound() {
    let (store, folder) = store().await;
    // Ten times over: what the driver believes must not get worse and worse.
    for round in 0..10 {
        let tx = store.begin().await.unwrap();
        write(&tx, "lost").await.unwrap();
        tx.execute_unprepared("PRAGMA max_page_count = 1").await.unwrap();
        let full = tx.execute_unprepared("INSERT INTO notes VALUES (hex(zeroblob(9000000)))").await;
        assert!(full.is_err(), "there is no room for it");
        assert_eq!(write(&tx, "into nothing").await.err(), Some(undone()));
        assert_eq!(tx.execute_unprepared("SAVEPOINT change").await.err(), Some(undone()));
        match round % 3 {
            0 => assert_eq!(tx.commit().await, Err(undone())),
            1 => assert!(tx.rollback().await.is_err()),
            _ => drop(tx),
        }
        let tx = store.begin().await.unwrap();
        write(&tx, &format!("kept {round}")).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(notes(&store).await, (0..10).map(|round| format!("kept {round}")).collect::<Vec<_>>());
    end(store, folder).await;
}

#[tokio::test]
async fn nothing_commits_but_the_commit_of_the_transaction() {
    let (store, folder) = store().await;
    let tx = store.begin().await.unwrap();
    write(&tx, "first").await.unwrap();
    assert!(tx.execute_unprepared("COMMIT").await.is_err());
    assert!(tx.commit().await.is_err());
    let tx = store.begin().await.unwrap();
    write(&tx, "second").await.unwrap();
    tx.execute_unprepared("ROLLBACK").await.unwrap();
    assert_eq!(write(&tx, "third").await.err(), Some(undone()));
    drop(tx);
    let tx = store.begin().await.unwrap();
    write(&tx, "fourth").await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(notes(&store).await, Vec::<String>::new());
    end(store, folder).await;
}

#[tokio::test]
async fn a_transaction_without_a_write_commits_and_a_savepoint_undoes_only_what_came_after_it() {
    let (store, folder) = store().await;
    store.begin().await.unwrap().commit().await.unwrap();
    let tx = store.begin().await.unwrap();
    write(&tx, "before").await.unwrap();
    tx.execute_unprepared("SAVEPOINT change").await.unwrap();
    write(&tx, "after").await.unwrap();
    tx.execute_unprepared("ROLLBACK TO SAVEPOINT change").await.unwrap();
    tx.execute_unprepared("RELEASE SAVEPOINT change").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(notes(&store).await, ["before"]);
    end(store, folder).await;
}

/// Runs a statement that is a transaction by itself; whether it was committed.
async fn at_once(store: &Store, sql: &str) -> Result<bool, DbErr> {
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    let outcome = store.autocommit().expect("a connection").write(statement).await?;
    Ok(matches!(outcome, Outcome::Committed(_)))
}

#[tokio::test]
async fn a_statement_that_is_a_transaction_is_written_whole_or_not_at_all_and_the_next_are_sound() {
    let (store, folder) = store().await;
    assert_eq!(at_once(&store, "INSERT INTO notes VALUES ('first'), ('second')").await, Ok(true));
    for _ in 0..3 {
        assert_eq!(at_once(&store, "INSERT INTO notes VALUES ('lost'), (NULL), ('no')").await, Ok(false));
        assert_eq!(at_once(&store, "PRAGMA max_page_count = 1").await, Ok(true));
        let full = "INSERT INTO notes VALUES ('lost'), (hex(zeroblob(9000000)))";
        assert!(at_once(&store, full).await.is_err(), "there is no room for it");
        // Neither has kept the file's lock.
        let tx = store.begin().await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(at_once(&store, "INSERT INTO notes VALUES ('third')").await, Ok(true));
    assert_eq!(notes(&store).await, ["first", "second", "third"]);
    end(store, folder).await;
}

#[tokio::test]
async fn sqlite_plans_a_statement_once_and_counts_no_memory() {
    let (store, folder) = store().await;
    let options = Statement::from_string(DbBackend::Sqlite, "PRAGMA compile_options");
    let rows = store.reader().query_all_raw(options).await.unwrap();
    let options: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    for option in ["ENABLE_QPSG", "DEFAULT_MEMSTATUS=0"] {
        assert!(options.iter().any(|set| set == option), "{option} of .cargo/config.toml is not among {options:?}");
    }
    assert!(!options.iter().any(|set| set == "ENABLE_MEMORY_MANAGEMENT"));
    end(store, folder).await;
}
