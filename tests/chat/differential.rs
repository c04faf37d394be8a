//! SQLite and PostgreSQL side by side: the same generated acts, one after the other, on a server of each, and every
//! answer of both is the same byte for byte, but for times, the epoch of cursors and what is signed.
//! It needs `CONFAB_TEST_DATABASE`; `CONFAB_MODEL_CASES` says how many cases there are.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;

use crate::model::doors::{Door, Reply, doors, perform};
use crate::model::stomp::Stomp;
use crate::model::{Act, Chat, Step, generated, number, opening};
use crate::person::Person;
use crate::server::Server;

const CASES: u64 = 8;
/// Seeds apart from those of the model's own test.
const FIRST: u64 = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_answer_byte_for_byte_the_same() {
    if std::env::var("CONFAB_TEST_DATABASE").is_err() {
        println!("CONFAB_TEST_DATABASE is not set: there is nothing to compare SQLite with");
        return;
    }
    let (sqlite, postgres) = (Server::start_on_sqlite().await, Server::start().await);
    let first = number("CONFAB_MODEL_SEED").unwrap_or(FIRST);
    let cases = number("CONFAB_MODEL_CASES").unwrap_or(CASES);
    let mut compared = 0;
    for seed in first..first + cases {
        let story = Arc::new(Mutex::new(String::new()));
        let sides = [Side::start(&sqlite).await, Side::start(&postgres).await];
        let case = tokio::spawn(play(sides, generated(seed), Arc::clone(&story)));
        match case.await {
            Ok(answers) => compared += answers,
            Err(_) => {
                let story = story.lock().unwrap_or_else(PoisonError::into_inner);
                panic!("CONFAB_MODEL_SEED={seed} differs:\n{story}");
            }
        }
    }
    println!("{cases} cases, {compared} answers of both databases the same");
}

/// Four people of one server, who are the same on the other.
struct Side {
    people: Vec<Person>,
    live: Vec<Stomp>,
}

impl Side {
    async fn start(server: &Server) -> Self {
        let mut people = Vec::new();
        for name in ["Alice", "Bob", "Carol", "Dave"] {
            people.push(server.person(name).await);
        }
        let live = join_all(people.iter().map(Stomp::open)).await;
        Self { people, live }
    }

    async fn perform(&mut self, who: usize, door: Door, act: &Act) -> Reply {
        perform(&self.people[who], &mut self.live[who], door, act).await
    }
}

async fn play([mut one, mut other]: [Side; 2], steps: Vec<Step>, story: Arc<Mutex<String>>) -> usize {
    let people = one.people.iter().map(|person| (person.id, person.name.clone())).collect();
    let mut chat = Chat { people, ..Chat::default() };
    let mut compared = 0;
    let mut place = 0;
    let mut steps = steps.iter();
    loop {
        let (who, act) = match opening(&chat, place) {
            Some(first) => first,
            None => match steps.next() {
                Some(step) => (step.who, step.means(&chat)),
                None => break,
            },
        };
        place += 1;
        let name = &one.people[who].name.clone();
        story.lock().unwrap_or_else(PoisonError::into_inner).push_str(&format!("{name}: {act:?}\n"));
        // What a door does may depend on the door; on the database, nothing may.
        for door in doors(&act) {
            let pair = tokio::join!(one.perform(who, door, &act), other.perform(who, door, &act));
            same(&pair.0.raw, &pair.1.raw, &format!("{act:?} by {door:?}"));
            assert_eq!(pair.0.made.id, pair.1.made.id, "what {act:?} made");
            // The model is here to know which ids there are.
            chat.act(one.people[who].id, &act, pair.0.made).ok();
            compared += 1;
        }
        for path in paths(&chat, one.people[who].id) {
            let pair = tokio::join!(one.people[who].get(&path), other.people[who].get(&path));
            same(&pair.0.text, &pair.1.text, &format!("{path} of {name}"));
            compared += 1;
        }
    }
    for (person, twin) in one.people.iter().zip(&other.people) {
        let (mut after, mut its) = (start(person).await, start(twin).await);
        loop {
            let path = |cursor: &str| format!("/events?limit=9&after={cursor}");
            let (answer, twins) = (person.get(&path(&after)).await, twin.get(&path(&its)).await);
            same(&answer.text, &twins.text, &format!("the events of {}", person.name));
            compared += 1;
            let next = |answer: &crate::person::Answer| answer.body["page"]["next"].as_str().unwrap_or("").to_owned();
            (after, its) = (next(&answer), next(&twins));
            if answer.body["page"]["hasMore"] != serde_json::json!(true) {
                break;
            }
        }
    }
    compared
}

/// The cursor before everything.
async fn start(person: &Person) -> String {
    let now = person.get("/events").await.body["page"]["next"].as_str().unwrap_or_default().to_owned();
    let (epoch, _) = now.split_once('.').expect("epoch.position");
    format!("{epoch}.0")
}

/// What is read after each step: lists, pages, searches and refusals.
fn paths(chat: &Chat, me: i64) -> Vec<String> {
    let mut paths: Vec<String> = [
        "/conversations?limit=2",
        "/conversations?archived=true",
        "/conversations/pinned",
        "/conversations/unread",
        "/conversations/search?query=e",
        "/conversations?cursor=nonsense",
        "/events?after=nonsense",
        "/presence/9007199254740990",
    ]
    .map(str::to_owned)
    .to_vec();
    if let Some(room) = chat.rooms.keys().next_back() {
        paths.extend([
            format!("/conversations/{room}/messages?limit=3"),
            format!("/conversations/{room}/messages?limit=2&after=1"),
            format!("/conversations/{room}/messages/search?query=h"),
            format!("/conversations/{room}/messages/search?query=gr%C3%BC%20100&limit=1"),
            format!("/conversations/{room}/messages?before=1&after=2"),
        ]);
    }
    let newest = chat.posts.values().rfind(|post| chat.rooms[&post.room].seat(me).is_some());
    for message in newest.into_iter().flat_map(|post| [Some(post.id), post.parent]).flatten() {
        let of_it = ["thread", "read-receipts", "reactions", "reactions/summary"];
        paths.extend(of_it.map(|what| format!("/messages/{message}/{what}")));
    }
    paths
}

/// Asserts that two answers are the same but for what may differ.
#[track_caller]
fn same(sqlite: &str, postgres: &str, what: &str) {
    let (sqlite, postgres) = (normal(sqlite), normal(postgres));
    assert!(sqlite == postgres, "{what}\n     SQLite: {sqlite}\n PostgreSQL: {postgres}");
}

/// An answer without times, epochs and signatures. A time is all that is written with a `T` between digits and a `Z`
/// at its end; sealed cursors of conversations hold one too.
fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for part in text.split_inclusive('"') {
        let value = part.trim_end_matches('"');
        let plain = match value {
            time if chrono::DateTime::parse_from_rfc3339(time).is_ok() => "<time>".to_owned(),
            url if url.contains("/api/files/") => url.split('?').next().unwrap_or_default().to_owned(),
            cursor => cursor_of(cursor).unwrap_or_else(|| cursor.to_owned()),
        };
        normal.push_str(&plain);
        normal.push_str(&part[value.len()..]);
    }
    normal
}

/// A cursor of the log without its epoch, or one of a list without its time.
fn cursor_of(value: &str) -> Option<String> {
    use base64::Engine;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let sealed = engine.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(sealed) = sealed {
        let parts: Vec<&str> = sealed.split('.').collect();
        let is_sealed = parts.len() == 3 && parts.iter().all(|part| part.parse::<i64>().is_ok());
        return is_sealed.then(|| format!("<{}.time.{}>", parts[0], parts[2]));
    }
    let (epoch, position) = value.rsplit_once('.')?;
    (epoch.len() >= 8 && position.parse::<i64>().is_ok()).then(|| format!("<epoch>.{position}"))
}

#[test]
fn times_epochs_and_cursors_are_all_that_may_differ() {
    let one = r#"{"createdAt":"2026-01-02T03:04:05.006Z","id":7,"next":"MS4xNzY3MzIyOTI2MDA2Ljc","content":"T1"}"#;
    let other = r#"{"createdAt":"2026-01-02T03:04:06Z","id":7,"next":"MS4xNzY3MzIyOTQ2MDA2Ljc","content":"T1"}"#;
    assert_eq!(normal(one), normal(other));
    assert_ne!(normal(one), normal(&other.replace(":7", ":8")));
    assert_eq!(normal("\"abcdefgh-1234.17\""), "\"<epoch>.17\"");
}
