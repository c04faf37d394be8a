//! The program as an operator meets it: its commands, its settings, its signals, and what survives its end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use crate::person::Person;
use crate::process::{Home, Process, finish, is_private};

/// Runs a command that must be refused, with nothing but a sentence on standard error.
async fn refused(home: &Home, arguments: &[&str]) -> String {
    let ended = home.run(arguments).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{arguments:?} {ended:?}");
    let sentence = ended.err.strip_prefix("confab: ").unwrap_or_else(|| panic!("{arguments:?} {ended:?}"));
    assert_eq!(sentence.lines().count(), 1, "{ended:?}");
    sentence.trim_end().to_owned()
}

/// All messages of a conversation, by id.
async fn messages(person: &Person, conversation: i64) -> BTreeMap<i64, Json> {
    let mut all = BTreeMap::new();
    let mut before = String::new();
    loop {
        let page = person.get(&format!("/conversations/{conversation}/messages?limit=100{before}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        for message in page.data().as_array().expect("a list") {
            let id = message["id"].as_i64().expect("an id");
            assert!(all.insert(id, message.clone()).is_none(), "message {id} came twice");
        }
        if page.body["page"]["hasMore"] == false {
            return all;
        }
        before = format!("&before={}", page.body["page"]["before"]);
    }
}

#[tokio::test]
async fn a_token_is_printed_and_believed() {
    let home = Home::new().await;
    let process = home.serve(&[]).await;
    let plain = home.token(7, "Zoe").await;
    let me = "{ me { id name } }";
    let zoe = process.somebody(7, &plain, "Zoe");
    assert_eq!(zoe.gql_ok(me, json!({})).await["me"], json!({ "id": "7", "name": "Zoe" }));
    let upsert = r#"mutation { upsertUsers(input: [{ id: "8", name: "Yan" }]) { name } }"#;
    assert_eq!(zoe.gql_refused(upsert, json!({})).await.0, "FORBIDDEN");

    let admin = home.printed(&["token", "--user", "9", "--admin", "--ttl", "2d"]).await;
    assert_eq!(admin.lines().count(), 1, "nothing but the token");
    let admin = process.somebody(9, admin.trim_end(), "");
    assert_eq!(admin.gql_ok(upsert, json!({})).await["upsertUsers"][0]["name"], "Yan");

    let over = home.printed(&["token", "--user", "7", "--ttl", "0s"]).await;
    let over = process.somebody(7, over.trim_end(), "Zoe");
    assert_eq!(over.gql_ok(me, json!({})).await["me"]["id"], "7", "the leeway of 30 s is left");

    for bad in ["0", "-1", "9007199254740992", "1.5", "alice"] {
        let ended = home.run(&["token", &format!("--user={bad}")]).await;
        assert!(ended.code != Some(0) && ended.out.is_empty() && !ended.err.is_empty(), "{bad} {ended:?}");
    }
    for bad in ["1", "h", "1w", "-1h", "1.5h", "99999999999999999999d", "999999999999999999d"] {
        let ended = home.run(&["token", "--user", "1", &format!("--ttl={bad}")]).await;
        assert!(ended.code == Some(2) && ended.err.contains("--ttl"), "{bad} {ended:?}");
    }
    // A life beyond what a date can say ends with the last date.
    home.printed(&["token", "--user", "1", "--ttl", "100000000000d"]).await;
}

#[tokio::test]
async fn a_token_needs_a_key_of_ones_own() {
    let home = Home::new().await;
    let keys =
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] });
    std::fs::write(home.folder.join("keys.json"), keys.to_string()).unwrap();
    let sentence = refused(&home, &["token", "--user", "1", "--set", "auth.jwks=keys.json"]).await;
    assert!(sentence.starts_with("Tokens come from the identity provider of auth.jwks"), "{sentence}");
    let sentence =
        refused(&home, &["serve", "--set", "server.bind=127.0.0.1:0", "--set", "auth.jwks=missing.json"]).await;
    assert!(sentence.contains("auth.jwks") && sentence.contains("missing.json"), "{sentence}");
}

#[tokio::test]
async fn a_token_is_not_made_where_no_server_has_made_its_secret() {
    let home = Home::new().await;
    let sentence = refused(&home, &["token", "--user", "1"]).await;
    assert!(sentence.starts_with("There is no secret for tokens in the folder data"), "{sentence}");
    assert!(!home.folder.join("data").exists(), "nothing is made");
    std::fs::create_dir(home.folder.join("data")).unwrap();
    refused(&home, &["token", "--user", "1"]).await;
    assert!(!home.folder.join("data/jwt.secret").exists());
    // One that is set is enough.
    let secret = format!("auth.jwt_secret={}", crate::server::SECRET);
    home.printed(&["token", "--user", "1", "--set", &secret]).await;
}

#[tokio::test]
async fn users_are_made_known_from_the_command_line() {
    let home = Home::new().await;
    assert_eq!(home.printed(&["user", "add", "--id", "2", "--name", "Bob"]).await, "User 2 is Bob\n");
    let process = home.serve(&[]).await;
    let alice = process.somebody(1, &home.token(1, "Alice").await, "Alice");
    assert_eq!(alice.post_nothing("/conversations/direct/2").await.ok()["name"], "Bob");
    // Beside a running server, too.
    let add = ["user", "add", "--id", "3", "--name", "Carol", "--avatar-url", "https://example.org/c.png"];
    assert_eq!(home.printed(&add).await, "User 3 is Carol\n");
    let direct = alice.post_nothing("/conversations/direct/3").await.ok();
    assert_eq!((&direct["name"], &direct["avatarUrl"]), (&json!("Carol"), &json!("https://example.org/c.png")));

    let sentence = refused(&home, &["user", "add", "--id", "4", "--name", "<b>Dave</b>"]).await;
    assert!(sentence.starts_with("The name of a user"), "{sentence}");
    let sentence = refused(&home, &["user", "add", "--id", "0", "--name", "Nobody"]).await;
    assert_eq!(sentence, "The id of a user is a positive whole number below 2^53");
    let sentence =
        refused(&home, &["user", "add", "--id", "4", "--name", "Dave", "--avatar-url", "javascript:x"]).await;
    assert_eq!(sentence, "The avatar URL must be an http or https address");
    alice.post_nothing("/conversations/direct/4").await.refused(404, "NOT_FOUND", "User not found: 4");
}

#[tokio::test]
async fn the_schema_is_printed_and_nothing_is_touched() {
    let home = Home::new().await;
    let kept = include_str!("../../schema.graphql");
    // Not even settings are looked at.
    let printed = home.printed(&["schema", "--set", "no.such=thing"]).await;
    assert!(printed == kept, "print it anew: cargo run -- schema > schema.graphql");
    assert_eq!(std::fs::read_dir(&home.folder).unwrap().count(), 0);
}

#[tokio::test]
async fn settings_are_printed_as_they_are_in_force_and_secrets_are_not() {
    let home = Home::new().await;
    std::fs::write(home.folder.join("confab.toml"), "[chat]\nmax_file_size_mb = 3\nquiet_group_size = 4\n").unwrap();
    let secret = "hush".repeat(10);
    let mut command = home.command(&["config", "--set", "chat.quiet_group_size=6"]);
    command.env("CONFAB_CHAT__QUIET_GROUP_SIZE", "5").env("CONFAB_AUTH__JWT_SECRET", &secret);
    command.env("CONFAB_DATABASE__URL", "postgres://chat:hushhush@db.example/chat");
    let ended = finish(command).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    for line in [
        "max_file_size_mb = 3",
        "quiet_group_size = 6",
        "jwt_secret = \"(hidden)\"",
        "url = \"postgres://chat:(hidden)@db.example/chat\"",
        "# audience is not set",
    ] {
        assert!(ended.out.lines().any(|printed| printed == line), "{line} is missing in {}", ended.out);
    }
    assert!(!ended.out.contains("hush"), "{}", ended.out);
    assert!(!home.folder.join("data").exists(), "looking changes nothing");

    let named = home.folder.join("other.toml");
    std::fs::write(&named, "[chat]\nquiet_group_size = 8\n").unwrap();
    assert!(home.printed(&["--config", "other.toml", "config"]).await.contains("quiet_group_size = 8\n"));
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_stops_the_start_with_its_name() {
    let home = Home::new().await;
    for (set, sentence) in [
        (
            "chat.max_mesage_length=5",
            "Unknown setting: chat.max_mesage_length, did you mean `chat.max_message_length`? (from --set)",
        ),
        ("chat.max_message_length=0", "chat.max_message_length must be from 1 to 10000 (from --set)"),
        (
            "log.level=loud",
            "log.level must be error, warn, info, debug, trace, off or a filter such as info,confab=debug (from --set)",
        ),
        ("auth.jwt_secret=short", "auth.jwt_secret must be 32 bytes or longer (from --set)"),
        (
            "broker.url=kafka://localhost",
            "broker.url must be a URL that begins with redis://, rediss://, amqp:// or amqps:// (from --set)",
        ),
    ] {
        assert_eq!(refused(&home, &["--set", set]).await, sentence);
        assert_eq!(refused(&home, &["config", "--set", set]).await, sentence);
    }
    let mut command = home.command(&["serve"]);
    command.env("CONFAB_SERVER__PORT", "80");
    let ended = finish(command).await;
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (Some(1), "confab: Unknown setting: server.port (from CONFAB_SERVER__PORT)\n")
    );

    std::fs::write(home.folder.join("confab.toml"), "[graphql]\ngraphiql = \"perhaps\"\n").unwrap();
    assert_eq!(refused(&home, &[]).await, "graphql.graphiql must be true or false (from confab.toml)");
    assert_eq!(refused(&home, &["--config", "none.toml"]).await, "There is no settings file none.toml");
    std::fs::write(home.folder.join("confab.toml"), "[[webhooks.endpoints]]\nurl = \"http://example.org\"\n").unwrap();
    let sentence = "webhooks.endpoints[0].url: The URL must begin with https:// (from confab.toml)";
    assert_eq!(refused(&home, &[]).await, sentence);
    assert_eq!(refused(&home, &["config"]).await, sentence);
    std::fs::remove_file(home.folder.join("confab.toml")).unwrap();

    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bind = format!("server.bind={}", taken.local_addr().unwrap());
    let sentence = refused(&home, &["--set", &bind]).await;
    assert!(
        sentence.starts_with("server.bind: 127.0.0.1:")
            && sentence.ends_with(" cannot be listened on: another program listens there"),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_named_with_the_reason_and_without_its_password() {
    let home = Home::new().await;
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other_server = other.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = other.accept().await {
            tokio::spawn(async move {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
                stream.read_to_end(&mut Vec::new()).await.ok();
            });
        }
    });
    std::fs::write(home.folder.join("letter.txt"), "Dear Bob, ".repeat(100)).unwrap();
    for (url, sentence) in [
        (
            "postgres://confab:hush@127.0.0.1:1/confab".to_owned(),
            "The database at 127.0.0.1:1 does not answer: nothing listens there".to_owned(),
        ),
        (
            "postgres://confab:hush@nowhere.invalid/confab".to_owned(),
            "The database at nowhere.invalid:5432 does not answer: the name nowhere.invalid is not known".to_owned(),
        ),
        (
            format!("postgres://confab:hush@{other_server}/confab"),
            format!("The database at {other_server} does not answer as PostgreSQL does"),
        ),
        (
            "sqlite:letter.txt".to_owned(),
            "The database letter.txt cannot be opened: it is no SQLite database".to_owned(),
        ),
        (
            "sqlite:.".to_owned(),
            "The database . cannot be opened: it is no file, or it may not be read and written".to_owned(),
        ),
    ] {
        let set = format!("database.url={url}");
        for command in ["migrate", "doctor"] {
            assert_eq!(refused(&home, &[command, "--set", &set]).await, sentence);
        }
    }
}

#[tokio::test]
async fn a_database_that_refuses_says_why_itself() {
    let home = Home::new().await;
    let Some(url) = home.postgres() else { return };
    let (rest, _) = url.rsplit_once('/').unwrap();
    let sentence = refused(&home, &["doctor", "--set", &format!("database.url={rest}/no_such_chat")]).await;
    assert!(sentence.ends_with(" refuses: database \"no_such_chat\" does not exist"), "{sentence}");
}

#[tokio::test]
async fn to_migrate_makes_the_database_and_to_do_it_again_changes_nothing() {
    let home = Home::new().await;
    for _ in 0..2 {
        assert_eq!(home.printed(&["migrate"]).await, "The database is in the newest state\n");
    }
    let database = home.folder.join("data/confab.db");
    #[cfg(unix)]
    assert!(!database.exists() || is_private(database.parent().unwrap()));
    let process = home.serve(&[]).await;
    let alice = process.somebody(1, &home.token(1, "Alice").await, "Alice");
    alice.group("Made after migrating", &[]).await;
}

#[tokio::test]
async fn a_settings_file_is_written_once_with_every_setting_and_changes_nothing() {
    let home = Home::new().await;
    let before = home.printed(&["config"]).await;
    let said = home.printed(&["init"]).await;
    assert_eq!(said, "Wrote confab.toml: every setting with its default, switched off by a #\n");
    assert_eq!(home.printed(&["config"]).await, before);
    let file = home.folder.join("confab.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    for line in ["[server]", "#bind = \"127.0.0.1:1337\"", "# how long events can be replayed", "#jwt_secret = \"\""] {
        assert!(text.lines().any(|written| written == line), "{line} is missing in {text}");
    }
    std::fs::write(&file, text.replace("#max_file_size_mb = 25", "max_file_size_mb = 3")).unwrap();
    let told = home.printed(&["config", "--sources"]).await;
    assert!(told.contains("\nmax_file_size_mb = 3  # confab.toml\n"), "{told}");
    assert_eq!(refused(&home, &["init"]).await, "confab.toml is there already, and stays as it is");
    assert!(std::fs::read_to_string(&file).unwrap().contains("\nmax_file_size_mb = 3\n"));
    // With a file that would not be taken, too.
    home.printed(&["--config", "other.toml", "init", "--set", "no.such=thing"]).await;
    assert_eq!(std::fs::read_to_string(home.folder.join("other.toml")).unwrap(), text);
}

#[tokio::test]
async fn a_server_listens_where_a_name_leads_and_without_a_host_everywhere() {
    let home = Home::new().await;
    for (bind, reached) in [("localhost:0", "127.0.0.1"), (":0", "127.0.0.1"), ("0.0.0.0:0", "localhost")] {
        // What is set last counts.
        let server =
            Process::start(&mut home.command(&["serve", "--demo", "--set", &format!("server.bind={bind}")])).await;
        let port = server.address.port();
        let live = format!("http://{reached}:{port}/health/live");
        let until = tokio::time::Instant::now() + Duration::from_secs(30);
        while !reqwest::get(&live).await.is_ok_and(|answer| answer.status() == 200) {
            assert!(tokio::time::Instant::now() < until, "{bind} {live}");
            sleep(Duration::from_millis(10)).await;
        }
        let is_any = server.address.ip().is_unspecified();
        assert_eq!(is_any, bind != "localhost:0", "{}", server.address);
        let shown = if is_any { format!("localhost:{port}") } else { server.address.to_string() };
        assert!(server.said().contains(&format!("Web chat   http://{shown}/\n")), "{}", server.said());
        assert_eq!(server.terminate().await.code, Some(0));
    }
    let sentence = refused(&home, &["--set", "server.bind=nowhere.invalid:80"]).await;
    assert_eq!(sentence, "server.bind: the name nowhere.invalid is not known");
    let sentence = refused(&home, &["--set", "server.bind=192.0.2.1:0"]).await;
    assert_eq!(sentence, "server.bind: 192.0.2.1:0 cannot be listened on: this machine has no such address");
}

#[tokio::test]
async fn the_demo_is_made_once_and_kept() {
    let home = Home::new().await;
    // Rules that would refuse the demo's own messages are no hindrance to it.
    let strict = ["serve", "--demo", "--set", "chat.max_message_length=5", "--set", "limits.reactions_per_minute=1"];
    let process = home.serve(&strict).await;
    let alice = process.somebody(1, &process.demo_token("Alice"), "Alice");
    let first = messages(&alice, 1).await;
    assert_eq!(first.keys().copied().collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    let group = alice.get("/conversations/1").await.ok();
    assert_eq!((&group["name"], &group["participantCount"]), (&json!("Project Team"), &json!(4)));
    let too_long = alice.post("/conversations/1/messages", json!({ "content": "Longer" })).await;
    too_long.refused_with(400, "BAD_REQUEST");
    let ninth = alice.send(1, "Ninth").await;
    assert_eq!(process.terminate().await.code, Some(0));

    let process = home.serve(&["serve", "--demo"]).await;
    for (id, name) in [(1, "Alice"), (2, "Bob"), (3, "Carol")] {
        let person = process.somebody(id, &process.demo_token(name), name);
        let mut again = messages(&person, 1).await;
        assert_eq!(again.remove(&ninth).map(|message| message["content"].clone()), Some(json!("Ninth")));
        assert_eq!(again, first);
        let all = person.get("/conversations").await.data().as_array().map(Vec::len);
        assert_eq!(all, Some(if name == "Alice" { 4 } else { 3 }));
    }
    assert!(process.said().contains(&format!("http://{}/graphql#token=", process.address)));
}

#[tokio::test]
async fn pages_of_localhost_may_call_the_demo_whatever_their_port_and_no_others() {
    let home = Home::new().await;
    let allowed = async |server: &Process, origin: &str| {
        let url = format!("http://{}/api/chat/conversations", server.address);
        let answer = reqwest::Client::new().get(url).header("Origin", origin).send().await.unwrap();
        answer.headers().get("access-control-allow-origin").map(|told| told.to_str().unwrap().to_owned())
    };
    let demo = home.serve(&["serve", "--demo", "--set", "cors.allowed_origins=https://app.example"]).await;
    for origin in ["http://localhost:5173", "http://127.0.0.1:8000", "https://localhost", "http://[::1]:3000"] {
        assert_eq!(allowed(&demo, origin).await.as_deref(), Some(origin));
    }
    assert_eq!(allowed(&demo, "https://app.example").await.as_deref(), Some("https://app.example"));
    for origin in ["http://localhost.example:5173", "https://example.org", "null"] {
        assert_eq!(allowed(&demo, origin).await, None, "{origin}");
    }
    demo.terminate().await;
    let plain = home.serve(&["serve"]).await;
    assert_eq!(allowed(&plain, "http://localhost:5173").await, None);
}

#[tokio::test]
async fn the_demo_is_made_once_however_many_start_with_it_together() {
    let home = Home::new().await;
    let demo = ["serve", "--demo"];
    let (one, two, three) = tokio::join!(home.serve(&demo), home.serve(&demo), home.serve(&demo));
    for process in [&one, &two, &three] {
        let alice = process.somebody(1, &one.demo_token("Alice"), "Alice");
        assert_eq!(alice.get("/conversations").await.data().as_array().map(Vec::len), Some(4));
        assert_eq!(messages(&alice, 1).await.keys().copied().collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_not_made_by_looking_at_it() {
    let home = Home::new().await;
    let ended = home.run(&["doctor", "--set", "database.url=sqlite:missing.db"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.err, "confab: The database missing.db cannot be opened: there is no file missing.db\n");
    let again = home.run(&["doctor", "--set", "database.url=sqlite:missing.db"]).await;
    assert_eq!(again.err, ended.err, "nothing was made");
}

#[tokio::test]
async fn asked_to_end_it_says_goodbye_and_ends_well() {
    let home = Home::new().await;
    let process = home.serve(&["serve", "--demo"]).await;
    let bob = process.somebody(2, &process.demo_token("Bob"), "Bob");
    let mut socket = bob.subscribe("subscription { messages { id } }").await;
    let begun = std::time::Instant::now();
    let (ended, closed) = tokio::join!(process.terminate(), socket.closed());
    assert_eq!((ended.code, closed.0), (Some(0), 1001), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());

    // While it is still starting, too.
    for pause in [0, 1, 5, 20, 50] {
        let process = home.begin(&["serve"]).await;
        sleep(Duration::from_millis(pause)).await;
        let ended = process.terminate().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

#[tokio::test]
async fn two_that_start_together_on_an_empty_database_both_become_ready() {
    for round in 0..10 {
        let home = Home::new().await;
        let (one, other) = tokio::join!(home.serve(&[]), home.serve(&[]));
        let token = home.token(1, "Alice").await;
        for process in [&one, &other] {
            let answer = process.somebody(1, &token, "Alice").get("/conversations").await;
            assert_eq!(answer.status, 200, "round {round}: {}", answer.text);
        }
        let ends = tokio::join!(one.terminate(), other.terminate());
        assert_eq!((ends.0.code, ends.1.code), (Some(0), Some(0)), "round {round}: {ends:?}");
    }
}

/// Sends messages until the server is gone; what was acknowledged is kept.
async fn send_until_gone(person: Person, acknowledged: Arc<Mutex<BTreeMap<i64, String>>>, gone: Arc<AtomicBool>) {
    for n in 0.. {
        let content = format!("Message {n} of {}", person.name);
        let path = "/api/chat/conversations/1/messages";
        let request = person.request(reqwest::Method::POST, path).json(&json!({ "content": content }));
        let answer = match request.send().await {
            Ok(answer) if answer.status() == 201 => answer.json::<Json>().await,
            Ok(answer) => panic!("{}", answer.status()),
            Err(cause) => Err(cause),
        };
        match answer {
            Ok(body) => {
                let id = body["data"]["id"].as_i64().expect("an id");
                acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(id, content);
            }
            Err(cause) => {
                assert!(gone.load(Ordering::SeqCst), "the server was there: {cause}");
                return;
            }
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_under_load() {
    let home = Home::new().await;
    let mut process = home.serve(&["serve", "--demo"]).await;
    let acknowledged = Arc::new(Mutex::new(BTreeMap::new()));
    for round in 0..3 {
        let gone = Arc::new(AtomicBool::new(false));
        let people = ["Alice", "Bob", "Carol"].into_iter().zip(1..);
        let senders: Vec<_> = people
            .flat_map(|(name, id)| std::iter::repeat_n(process.somebody(id, &process.demo_token(name), name), 4))
            .map(|person| tokio::spawn(send_until_gone(person, Arc::clone(&acknowledged), Arc::clone(&gone))))
            .collect();
        let count = || acknowledged.lock().unwrap_or_else(PoisonError::into_inner).len();
        let wanted = count() + 100;
        while count() < wanted {
            assert!(senders.iter().all(|sender| !sender.is_finished()), "a sender ended before the server");
            sleep(Duration::from_millis(5)).await;
        }
        gone.store(true, Ordering::SeqCst);
        process.kill().await;
        for sender in senders {
            sender.await.expect("the sender did not panic");
        }
        process = home.serve(&["serve", "--demo"]).await;
        check(&process, &acknowledged, round).await;
    }
}

async fn check(process: &Process, acknowledged: &Mutex<BTreeMap<i64, String>>, round: usize) {
    let alice = process.somebody(1, &process.demo_token("Alice"), "Alice");
    let kept = messages(&alice, 1).await;
    let acknowledged = acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for (id, content) in &acknowledged {
        let message = kept.get(id).unwrap_or_else(|| panic!("round {round}: message {id} is lost"));
        assert_eq!(message["content"], *content);
    }
    // The log has it all as well, once and without a gap.
    let mut cursor = None;
    let mut sent = Vec::new();
    loop {
        let after = cursor.map_or_else(String::new, |cursor: String| format!("&after={cursor}"));
        let page = alice.get(&format!("/events?limit=100{after}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        if after.is_empty() {
            let (epoch, _) =
                page.body["page"]["next"].as_str().and_then(|next| next.split_once('.')).expect("a cursor");
            cursor = Some(format!("{epoch}.0"));
            continue;
        }
        let events = page.data().as_array().expect("a list");
        let told = |event: &&Json| event["type"] == "message.sent" && event["data"]["conversationId"] == 1;
        sent.extend(events.iter().filter(told).filter_map(|event| event["data"]["id"].as_i64()));
        cursor = page.body["page"]["next"].as_str().map(str::to_owned);
        if page.body["page"]["hasMore"] == false {
            break;
        }
    }
    assert_eq!(sent, kept.keys().copied().collect::<Vec<_>>(), "round {round}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_server_may_open_as_many_files_as_it_may_have_connections_or_says_that_it_may_not() {
    let home = Home::new().await;
    let server = home.begin_with_files(300, &["--set", "limits.connections=400"]).await;
    assert!(server.files() >= 400, "{}", server.files());
    assert!(!server.logged().contains("limits.connections"), "{}", server.logged());
    server.terminate().await;
    // No system allows so many.
    let server = home.begin_with_files(300, &["--set", "limits.connections=4000000000"]).await;
    let files = server.files();
    let said = format!("limits.connections is 4000000000, but this process may open {files} files only");
    let logged = server.terminate().await.err;
    assert!(files > 300 && logged.contains(&said), "{files} {logged}");
}
