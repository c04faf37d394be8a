//! Who reads, and for how long: nothing outlives its request, and nobody holds more than a share.

use std::time::Duration;

use confab::error::{Error, Kind};
use confab::id::UserId;
use confab::store::{Reader, Store};
use reqwest::Method;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::cable::Cable;
use crate::person::Person;
use crate::process::Home;
use crate::server::{Server, execute};

/// How long what takes milliseconds may take on a busy machine; far less than a statement may.
const SOON: Duration = Duration::from_secs(8);

/// Reading that never ends by itself.
fn endless(db: &Reader) -> Statement {
    let sql = match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => "SELECT 1 AS one FROM (SELECT pg_sleep(3600)) AS slow",
        _ => ENDLESS_ON_SQLITE,
    };
    Statement::from_string(db.get_database_backend(), sql)
}

const ENDLESS_ON_SQLITE: &str =
    "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT 1 AS one FROM n WHERE n < 0";

/// A store of its own upon the database of a server, so that what is read is known.
async fn store(server: &Server) -> Store {
    Store::open(&server.database_url()).await.expect("the database opens")
}

async fn read(db: Reader) -> Result<Option<QueryResult>, DbErr> {
    db.query_one_raw(Statement::from_string(db.get_database_backend(), "SELECT 1 AS one")).await
}

async fn reads_soon(db: Reader) {
    let answered = timeout(SOON, read(db)).await.expect("its turn comes soon");
    assert!(answered.expect("it is read").is_some());
}

/// Reads without an end, as often as said, and waits until as many as may are under way.
async fn hammer(db: &Reader, times: usize) -> Vec<JoinHandle<Result<Option<QueryResult>, DbErr>>> {
    let tasks: Vec<_> = (0..times)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { db.query_one_raw(endless(&db)).await })
        })
        .collect();
    // Once another read of the same user has to wait, nothing more of theirs gets in.
    let until = Instant::now() + 4 * SOON;
    while let Ok(read) = timeout(Duration::from_millis(100), read(db.clone())).await {
        assert!(Instant::now() < until, "so many read at once: {read:?}");
    }
    tasks
}

fn user(id: i64) -> UserId {
    UserId::new(id).expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_caller_went_away_ends_in_the_database() {
    let server = Server::start().await;
    let store = store(&server).await;
    // More than there are connections, one user after the other.
    for round in 1..=6 {
        let db = store.reader_of(user(round), false);
        let tasks = hammer(&db, 8).await;
        tasks.iter().for_each(JoinHandle::abort);
        reads_soon(db).await;
    }
    // Not one of them goes on.
    let until = Instant::now() + SOON;
    while still_reading(&store).await > 0 {
        assert!(Instant::now() < until, "they go on in the database");
        sleep(Duration::from_millis(50)).await;
    }
    store.close().await;
}

/// How many endless reads PostgreSQL is working on. On SQLite whoever reads holds a connection, of which few are there.
async fn still_reading(store: &Store) -> i64 {
    let db = store.reader();
    if db.get_database_backend() != sea_orm::DbBackend::Postgres {
        return 0;
    }
    let sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(3600)%' \
               AND datname = current_database() AND pid <> pg_backend_pid()";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
    row.try_get("", "n").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_takes_longer_than_ten_seconds_is_ended_and_its_caller_asked_for_less() {
    let server = Server::start().await;
    let store = store(&server).await;
    let db = store.reader_of(user(1), false);
    let ended = timeout(Duration::from_secs(20), db.query_one_raw(endless(&db))).await.expect("it is ended");
    let error = Error::from(ended.expect_err("it cannot succeed"));
    assert_eq!((error.kind, error.retry_after), (Kind::RateLimited, Some(10)), "{error}");
    reads_soon(db).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_without_an_end_keeps_nobody_else_waiting() {
    let server = Server::start().await;
    let store = store(&server).await;
    let greedy = hammer(&store.reader_of(user(1), false), 60).await;
    for other in 2..20 {
        reads_soon(store.reader_of(user(other), false)).await;
    }
    assert!(greedy.iter().all(|task| !task.is_finished()), "those of the greedy one wait in turn");
    // With all connections taken the server itself reads all the same.
    let more =
        [hammer(&store.reader_of(user(20), false), 60).await, hammer(&store.reader_of(user(21), false), 60).await];
    reads_soon(store.reader()).await;
    // The end of the server waits for none of them.
    timeout(SOON, store.close()).await.expect("the store closes");
    for task in greedy.into_iter().chain(more.into_iter().flatten()) {
        let error = Error::from(task.await.expect("no panic").expect_err("it was ended"));
        assert_eq!(error.kind, Kind::Unavailable, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_reads_of_many_leave_half_of_the_connections_to_light_ones() {
    let server = Server::start().await;
    let store = store(&server).await;
    let mut heavy = Vec::new();
    for id in 1..=8 {
        let turn = store.turn(user(id)).await.expect("a turn");
        let db = store.reader_of(user(id), true);
        heavy.push((turn, tokio::spawn(async move { db.query_one_raw(endless(&db)).await })));
    }
    for other in 10..20 {
        reads_soon(store.reader_of(user(other), false)).await;
    }
    assert!(heavy.iter().all(|(_, task)| !task.is_finished()));
    store.close().await;
}

/// There has to be something to read.
async fn react(person: &Person, message: i64) {
    person.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "👍" })).await.ok();
}

/// Makes the reading of reactions endless, behind the server's back.
async fn make_reactions_endless(url: &str) {
    let slow = match url.starts_with("sqlite:") {
        true => ENDLESS_ON_SQLITE,
        false => "SELECT 1 AS one FROM (SELECT pg_sleep(3600)) AS slow",
    };
    execute(
        url,
        &format!(
            "ALTER TABLE chat_message_reactions RENAME TO kept_reactions; \
             CREATE VIEW chat_message_reactions AS SELECT kept_reactions.* FROM kept_reactions, ({slow}) AS endless"
        ),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_clients_gave_up_leave_the_readers_to_others() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let bob = server.person("Bob").await;
    let room = alice.group("Room", &[&bob]).await;
    let message = alice.send(room, "hello").await;
    react(&alice, message).await;
    make_reactions_endless(&server.database_url()).await;
    for _ in 0..5 {
        let given_up = (0..4).map(|_| {
            let request = alice.request(Method::GET, &format!("/api/chat/messages/{message}/reactions"));
            request.timeout(Duration::from_millis(300)).send()
        });
        for answer in futures_util::future::join_all(given_up).await {
            match answer {
                Ok(answer) => panic!("{:?}", answer.text().await),
                Err(error) => assert!(error.is_timeout(), "{error}"),
            }
        }
    }
    let started = Instant::now();
    for person in [&alice, &bob] {
        assert_eq!(person.get("/conversations/unread").await.status, 200);
    }
    assert!(started.elapsed() < SOON);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_ends_in_time_whatever_is_being_read() {
    let home = Home::new().await;
    let process = home.serve(&["serve", "--demo"]).await;
    let token = process.demo_token("Alice");
    let alice = process.somebody(1, &token, "Alice");
    react(&alice, 1).await;
    make_reactions_endless(&home.database_url()).await;
    let asked: Vec<_> = (0..3)
        .map(|_| {
            let request = alice.request(Method::GET, "/api/chat/messages/1/reactions");
            tokio::spawn(async move { request.send().await.map(|answer| answer.status().as_u16()) })
        })
        .collect();
    wait_until_underway(&alice).await;
    let started = Instant::now();
    let ended = timeout(Duration::from_secs(25), process.terminate()).await.expect("it ends in time");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    println!("ended {} ms after SIGTERM", started.elapsed().as_millis());
    for answer in asked {
        // Cut off, or ended by the deadline of its statement.
        assert!(!matches!(answer.await, Ok(Ok(200))));
    }
}

/// Waits until the endless reads have their connections: another one of them has to wait for its answer, too.
async fn wait_until_underway(alice: &Person) {
    let request = alice.request(Method::GET, "/api/chat/messages/1/reactions").timeout(Duration::from_millis(500));
    assert!(request.send().await.is_err_and(|error| error.is_timeout()));
    assert_eq!(alice.get("/presence").await.body["success"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_is_answered_from_the_moment_that_the_database_is_back() {
    let Ok(admin) = std::env::var("CONFAB_TEST_DATABASE") else {
        println!("CONFAB_TEST_DATABASE is not set: a file has no cable that could be pulled");
        return;
    };
    let mut url = reqwest::Url::parse(&admin).expect("a URL");
    let address = format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(5432));
    let cable = Cable::to(address).await;
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(cable.port)).expect("a port");
    let server = Server::start_with(|config| {
        let own = config.database.url.take().expect("a database of its own");
        let own = reqwest::Url::parse(&own).expect("a URL");
        url.set_path(own.path());
        config.database.url = Some(url.to_string());
    })
    .await;
    let mut people = Vec::new();
    for number in 0..8 {
        people.push(server.person(&format!("Person {number}")).await);
    }
    let all_read = || futures_util::future::join_all(people.iter().map(|person| person.get("/conversations")));
    // Until every connection was in use.
    for _ in 0..5 {
        assert!(all_read().await.iter().all(|answer| answer.status == 200));
    }
    cable.pull();
    for answer in all_read().await {
        answer.refused_with(503, "UNAVAILABLE");
    }
    cable.plug_in();
    let mut refused = 0;
    for _ in 0..5 {
        refused += all_read().await.iter().filter(|answer| answer.status != 200).count();
    }
    assert_eq!(refused, 0, "refused though the database is back");

    // A cut that nobody noticed: what lies idle is lost, and nobody hears of it.
    cable.pull();
    sleep(Duration::from_millis(50)).await;
    cable.plug_in();
    assert!(all_read().await.iter().all(|answer| answer.status == 200));
}
