//! An upgrade under way: nodes of two releases on one database, and one that goes back (protocol §14). `CONFAB_OLDER` names the
//! older program. Without it that is the program which was built, and the database is brought to what the release after it
//! might make of it.

use std::path::PathBuf;
use std::time::Duration;

use sea_orm::{ConnectionTrait, Database};
use tokio::time::sleep;

use super::{TALK, all_hear_by, are_tested, nodes_at_home, redis, seconds};
use crate::faults::{Scene, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_two_releases_stand_side_by_side_and_one_goes_back() {
    if !are_tested() {
        return;
    }
    let older = std::env::var_os("CONFAB_OLDER").map(PathBuf::from);
    let (mut starts, _ways) = nodes_at_home(3, redis().as_deref()).await;
    for start in &mut starts {
        start.program.clone_from(&older);
    }
    let (home, settings) = (starts[0].home.clone(), starts[0].settings.clone());
    let mut scene = Stage::open("two releases side by side", starts).await.begin(TALK).await;
    all_hear_by(&scene, "redis").await;

    let database = home.postgres().expect("a database");
    if older.is_none() {
        on_database(&database, NEXT_RELEASE).await;
    }
    // The first newer node brings the database along while the others serve.
    become_of(&mut scene, 0, None).await;
    sleep(seconds(2, 60)).await;
    // One that has not been upgraded may be restarted, and one that has may go back.
    for place in [1, 0] {
        become_of(&mut scene, place, older.clone()).await;
        sleep(seconds(2, 60)).await;
    }
    for place in 0..3 {
        become_of(&mut scene, place, None).await;
    }
    all_hear_by(&scene, "redis").await;
    scene.end().await;

    // Two releases ahead there is nothing that this program could promise.
    on_database(&database, TWO_RELEASES_AHEAD).await;
    let mut arguments = vec!["serve", "--set", "server.bind=127.0.0.1:0"];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
    let refused = home.run(&arguments).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.err.contains("a newer state by confab 99.1.0 than this confab"),
        "it says by which: {}",
        refused.err
    );
}

/// Restarts a node with another program, under load.
async fn become_of(scene: &mut Scene, place: usize, program: Option<PathBuf>) {
    scene.terminate(place).await;
    scene.nodes[place].start.program = program;
    scene.start(place).await;
    scene.more_are_acknowledged(60).await;
}

/// A migration that only adds, as all do that the release before has to live with: a column with and one without a value,
/// an index, a table, and what says that it was there.
const NEXT_RELEASE: &str = "SET lock_timeout = '2s'; \
     ALTER TABLE chat_messages ADD COLUMN mood TEXT; \
     ALTER TABLE chat_participants ADD COLUMN stars BIGINT NOT NULL DEFAULT 0; \
     CREATE INDEX idx_chat_messages_mood ON chat_messages (mood) WHERE mood IS NOT NULL; \
     CREATE TABLE chat_moods (id BIGINT PRIMARY KEY, name TEXT NOT NULL); \
     INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20991231_999999_next', 1); \
     UPDATE chat_schema SET level = level + 1";

const TWO_RELEASES_AHEAD: &str = "INSERT INTO seaql_migrations (version, applied_at) \
     VALUES ('m20991231_999999_next', 1) ON CONFLICT DO NOTHING; \
     UPDATE chat_schema SET oldest = 999999, program = '99.1.0'";

/// Does this as soon as no transaction stands in its way.
async fn on_database(url: &str, script: &str) {
    let connection = Database::connect(url).await.expect("the database answers");
    let mut tries = 0;
    while let Err(refused) = connection.execute_unprepared(script).await {
        tries += 1;
        assert!(tries < 30, "{refused}");
        sleep(Duration::from_millis(100)).await;
    }
    connection.close().await.ok();
}
