//! `moving`: what it takes to bring a chat in from a file of lines, and to write one down.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value as Json, json};

use crate::database::{Home, Kind};
use crate::server;
use crate::table::{Table, figure, grouped};
use crate::words;

const GROUPS: u64 = 1_000;
const PEOPLE_IN_A_GROUP: u64 = 10;

#[derive(Args)]
pub struct Arguments {
    /// Messages of the chat
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    /// Only writes the file of lines, and leaves it there
    #[arg(long, value_name = "FILE")]
    only_file: Option<PathBuf>,
}

pub async fn moving(binary: PathBuf, kind: Kind, folder: PathBuf, arguments: Arguments) -> Result<()> {
    let Arguments { messages, only_file } = arguments;
    if let Some(file) = only_file {
        return write(&file, messages);
    }
    let home = Home::make(&kind, &folder, "moving").await?;
    let [chat, again] = ["chat.jsonl", "again.jsonl"].map(|name| home.folder.join(name));
    write(&chat, messages)?;
    let mut table = Table::new(["", "seconds", "messages a second"]);
    for (what, file) in [("import", Some(&chat)), ("export", Some(&again)), ("doctor", None)] {
        let mut command = server::command(&binary, &home);
        command.arg(what).stdout(Stdio::null());
        if let Some(file) = file {
            command.arg("jsonl").arg(file);
        }
        let begun = Instant::now();
        ensure!(command.status()?.success(), "confab {what} failed");
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!("{what}: {seconds:.1} s");
        table.row([what.to_owned(), figure(seconds), figure(messages as f64 / seconds)]);
    }
    println!("{} messages\n\n{}", grouped(i64::try_from(messages)?), table.markdown());
    home.remove().await
}

/// Writes a chat of so many messages in a thousand groups of ten: each seventh answers another one, each twentieth has a reaction,
/// each tenth is where somebody's marker stopped, each hundredth is deleted.
fn write(path: &Path, messages: u64) -> Result<()> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut out = BufWriter::new(file);
    let mut line = |line: Json| writeln!(out, "{line}");
    line(json!({ "confab": 1 }))?;
    for id in 1..=GROUPS * PEOPLE_IN_A_GROUP {
        line(json!({ "type": "user", "id": id, "name": format!("User {id}") }))?;
    }
    for id in 1..=GROUPS {
        let name = format!("Group {id}");
        line(
            json!({ "type": "conversation", "id": id, "kind": "GROUP", "name": name, "createdBy": person(id, 0), "createdAt": at(0) }),
        )?;
    }
    for id in 1..=messages {
        let mut message = json!({
            "type": "message", "id": id, "conversation": group(id), "sender": person(group(id), id / GROUPS), "createdAt": at(id)
        });
        if id.is_multiple_of(100) {
            message["deletedAt"] = json!(at(id + 60));
        } else {
            message["content"] = json!(words::message(id));
        }
        if id.is_multiple_of(7) && id > GROUPS {
            message["parent"] = json!(id - GROUPS);
        }
        line(message)?;
    }
    for group in 1..=GROUPS {
        for place in 0..PEOPLE_IN_A_GROUP {
            let role = if place == 0 { "OWNER" } else { "MEMBER" };
            line(
                json!({ "type": "participant", "conversation": group, "user": person(group, place), "role": role, "joinedAt": at(0) }),
            )?;
        }
    }
    for id in (20..=messages).step_by(20).filter(|id| !id.is_multiple_of(100)) {
        let user = person(group(id), id / GROUPS + 1);
        line(json!({ "type": "reaction", "message": id, "user": user, "emoji": "👍", "createdAt": at(id + 30) }))?;
    }
    for id in (10..=messages).step_by(10) {
        let user = person(group(id), id / GROUPS + 2);
        line(
            json!({ "type": "receipt", "conversation": group(id), "user": user, "message": id, "readAt": at(id + 40) }),
        )?;
    }
    Ok(out.flush()?)
}

/// The group that a message is in.
fn group(message: u64) -> u64 {
    1 + message % GROUPS
}

/// The `place`-th of a group; behind the last one the first one follows.
fn person(group: u64, place: u64) -> u64 {
    (group - 1) * PEOPLE_IN_A_GROUP + 1 + place % PEOPLE_IN_A_GROUP
}

/// So many seconds after the start, in a calendar of months of 28 days.
fn at(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = (2000 + days / 336, 1 + days / 28 % 12, 1 + days % 28);
    format!("{year}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}
