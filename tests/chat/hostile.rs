//! What will be thrown at a chat server, as data: each row of the table is tried at every door that it names, against the
//! built program, which lives on, keeps little and says nothing of it that is nobody's business.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::person::Person;
use crate::process::{Home, Process};
use crate::stomp_client::{Carrier, Heard, StompClient, StompFrame};

const TABLE: &str = include_str!("hostile/table.txt");
/// How long an answer may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);
/// Resident memory of the server after all of it.
const MAX_MEGABYTES: u64 = 400;

/// One input at one door, and what is answered.
struct Shot {
    row: u32,
    line: &'static str,
    door: &'static str,
    input: String,
    expected: &'static str,
}

/// The shots of the table, and the tests that it names.
fn table(names: &[(&str, String)]) -> (Vec<Shot>, Vec<(u32, &'static str)>) {
    let (mut shots, mut tests, mut row) = (Vec::new(), Vec::new(), 0);
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (door, rest) = line.split_once(' ').unwrap_or((line, ""));
        match door {
            "test" => tests.push((row, rest)),
            "rest" | "graphql" | "stomp" | "frame" | "http" => {
                let (input, expected) =
                    rest.rsplit_once(" | ").unwrap_or_else(|| panic!("{line}: nothing is expected"));
                shots.push(Shot { row, line, door, input: filled(input, names), expected });
            }
            number => {
                let number: u32 = number.parse().unwrap_or_else(|_| panic!("{line}: no door"));
                assert_eq!(number, row + 1, "rows are in their order");
                row = number;
            }
        }
    }
    (shots, tests)
}

/// Puts in what stands in braces: names, and what is repeated.
fn filled(input: &str, names: &[(&str, String)]) -> String {
    let mut text = input.to_owned();
    for (name, value) in names {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    // The innermost brace before the star, for inputs that repeat braces.
    while let Some((end, start)) = text.find('*').and_then(|star| {
        let (open, close) = (text[..star].rfind('{')?, star + text[star..].find('}')?);
        let open = if open > 0 && text[..open].ends_with('{') && open + 1 == star { open - 1 } else { open };
        text[star + 1..close].parse::<usize>().ok()?;
        Some((close, open))
    }) {
        let (what, times) = text[start + 1..end].rsplit_once('*').expect("a star");
        let repeated = what.repeat(times.parse().expect("a number"));
        text.replace_range(start..=end, &repeated);
    }
    text
}

/// A table of escapes that a line can hold.
fn unescaped(text: &str) -> String {
    text.replace("\\r", "\r").replace("\\n", "\n")
}

struct Scene {
    process: Process,
    alice: Person,
}

impl Scene {
    async fn open(home: &Home) -> (Self, Vec<(&'static str, String)>) {
        let process = home
            .serve(&["serve", "--demo", "--set", "log.level=debug", "--set", "limits.reactions_per_minute=0"])
            .await;
        let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| {
            let id = ["Alice", "Bob", "Carol"].iter().position(|known| *known == name).expect("known") as i64 + 1;
            process.somebody(id, &process.demo_token(name), name)
        });
        let own = alice.group("Own", &[&bob]).await;
        let bobs = bob.group("Bob's", &[&alice]).await;
        let foreign = carol.group("Foreign", &[&bob]).await;
        let mine = alice.send(own, "Mine").await;
        let bobs_message = bob.send(bobs, "Bob's").await;
        let foreign_message = carol.send(foreign, "Foreign").await;
        let names = vec![
            ("own", own.to_string()),
            ("bobs", bobs.to_string()),
            ("foreign", foreign.to_string()),
            ("mine", mine.to_string()),
            ("bobsMessage", bobs_message.to_string()),
            ("foreignMessage", foreign_message.to_string()),
            ("alice", alice.id.to_string()),
            ("bob", bob.id.to_string()),
            ("carol", "987".to_owned()),
            ("token", alice.token.clone()),
            ("nul", "\0".to_owned()),
        ];
        (Self { process, alice }, names)
    }

    /// What comes back.
    async fn fire(&self, shot: &Shot) -> Vec<String> {
        match shot.door {
            "rest" => vec![self.rest(&shot.input).await],
            "graphql" => vec![self.graphql(&shot.input).await],
            "http" => vec![self.http(&unescaped(&shot.input)).await],
            "stomp" => {
                let (to, body) = shot.input.split_once(' ').expect("a body");
                let frame = format!("SEND\ndestination:/app/chat.{to}\nreceipt:shot\n\n{body}\0");
                self.stomp(&frame, true).await
            }
            _ => self.stomp(&unescaped(&shot.input), false).await,
        }
    }

    async fn rest(&self, input: &str) -> String {
        let mut parts = input.splitn(3, ' ');
        let (method, path) = (parts.next().expect("a method"), parts.next().expect("a path"));
        let mut request = self.alice.request(method.parse().expect("a method"), path);
        if let Some(body) = parts.next() {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let answer = self.alice.fetch(request).await;
        match answer.body["code"].as_str() {
            Some(code) => format!("{} {code}", answer.status),
            None => answer.status.to_string(),
        }
    }

    async fn graphql(&self, query: &str) -> String {
        let answer = self.alice.gql_answer(query, json!({})).await;
        match answer.body["errors"][0]["extensions"]["code"].as_str() {
            Some(code) => code.to_owned(),
            None if answer.body["data"].is_object() => "ok".to_owned(),
            None => answer.text,
        }
    }

    async fn http(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.process.address).await.expect("it listens");
        // What is refused may be refused before all of it is written.
        let _refused = stream.write_all(request.as_bytes()).await;
        let mut answer = vec![0; 64];
        match timeout(SOON, stream.read(&mut answer)).await {
            Ok(Ok(read @ 12..)) => String::from_utf8_lossy(&answer[9..read.min(12)]).into_owned(),
            other => format!("{other:?}"),
        }
    }

    /// What a frame is answered over a WebSocket, and over SockJS.
    async fn stomp(&self, frame: &str, tells_errors: bool) -> Vec<String> {
        let mut outcomes = Vec::new();
        for carrier in [Carrier::Raw, Carrier::WebSocket] {
            let mut client = StompClient::open(self.process.address, carrier).await;
            client.connect(&self.alice.token).await;
            client.subscribe_to(&["errors"]).await;
            // In one message: where the first ends the session, a second one would come too late.
            let behind = if tells_errors { "" } else { "SEND\ndestination:/app/chat.heartbeat\nreceipt:shot\n\n\0" };
            client.say(&format!("{frame}{behind}")).await;
            outcomes.push(outcome(&mut client, tells_errors).await);
        }
        outcomes
    }
}

/// The code on the errors queue, ERROR, or ok once the receipt has come.
async fn outcome(client: &mut StompClient, tells_errors: bool) -> String {
    let mut refused = None;
    loop {
        let frame = match client.next_within(SOON).await {
            Some(Heard::Text(text)) if text == "\n" => continue,
            Some(Heard::Text(text)) => StompFrame::read(&text),
            other => return format!("{other:?}"),
        };
        match frame.command.as_str() {
            "ERROR" => return "ERROR".to_owned(),
            "MESSAGE" if tells_errors => refused = frame.json()["code"].as_str().map(str::to_owned),
            "RECEIPT" => return refused.unwrap_or_else(|| "ok".to_owned()),
            _ => {}
        }
    }
}

#[cfg(target_os = "linux")]
fn resident_megabytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells");
    line.trim().split(' ').next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("a number") / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_thrown_at_the_doors_is_answered_as_the_table_says() {
    let home = Home::new().await;
    let (scene, names) = Scene::open(&home).await;
    let (shots, _) = table(&names);
    assert!(shots.len() > 150, "the table is read");
    let mut wrong = Vec::new();
    for shot in &shots {
        for came in scene.fire(shot).await {
            if came != shot.expected {
                wrong.push(format!("{}: {} | but {came}", shot.row, shot.line.chars().take(160).collect::<String>()));
            }
        }
        let alive = reqwest::get(format!("http://{}/health/live", scene.process.address)).await;
        assert!(alive.is_ok_and(|answer| answer.status() == 200), "{}: {}", shot.row, shot.line);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    #[cfg(target_os = "linux")]
    assert!(resident_megabytes(scene.process.id()) < MAX_MEGABYTES);
    let token = scene.alice.token.clone();
    let ended = scene.process.terminate().await;
    assert_eq!(ended.code, Some(0));
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
    assert!(token.split('.').skip(1).all(|part| !ended.err.contains(part)), "a token stands in the log");
}

#[test]
fn each_row_of_the_table_has_a_shot_or_a_test_that_there_is() {
    let (shots, tests) = table(&[]);
    let rows: BTreeSet<u32> = shots.iter().map(|shot| shot.row).chain(tests.iter().map(|(row, _)| *row)).collect();
    assert_eq!(rows, (1..=120).collect());
    let code = crate::tidy::all_code();
    for (row, test) in tests {
        assert!(code.contains(&format!("fn {test}(")), "{row}: there is no test {test}");
    }
    assert_eq!(filled("{a*3} {{*2} {[*2} {x}", &[("x", "y".to_owned())]), "aaa {{ [[ y");
    let _: Json = serde_json::from_str(&filled("[{2,*3}2]", &[])).expect("a list");
}
