//! Users of the host application out of a file: CSV with a header, or a JSON object a line. They become known as if an administrator
//! had made them known, beside a server that runs or not. It knows no other thing of a chat.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::Value as Json;

use super::report::Report;
use crate::chat::Chat;
use crate::chat::users::{MAX_USERS, UserInput, upsert_as_server};
use crate::chat::views::user::{by_external_ids, by_ids};
use crate::error::Kind;

const KIND: &str = "users";
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The fields of a line, by their names in lower case.
type Fields = BTreeMap<String, String>;
/// A line and its number, or why it is none.
type Line = (u64, Result<UserInput, String>);

/// Makes all users of a file known, or brings them up to date, and says what came of each line.
///
/// # Errors
/// A file that cannot be read, a database that fails; what was taken before stays.
pub async fn import(chat: &Chat, path: &Path, mut report: Report, progress: &ProgressBar) -> anyhow::Result<Report> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("The file {name} cannot be opened"))?;
    progress.set_length(file.metadata().map_or(0, |known| known.len()));
    let mut lines =
        lines(BufReader::new(progress.wrap_read(file))).with_context(|| format!("{name} cannot be read"))?;
    loop {
        let portion: Vec<Line> = lines
            .by_ref()
            .take(MAX_USERS)
            .collect::<Result<_, _>>()
            .with_context(|| format!("{name} cannot be read"))?;
        if portion.is_empty() {
            return Ok(report);
        }
        take(chat, portion, &mut report).await?;
    }
}

type Lines = Box<dyn Iterator<Item = anyhow::Result<Line>> + Send>;

/// # Errors
/// A header that cannot be read.
fn lines(mut from: impl BufRead + Send + 'static) -> anyhow::Result<Lines> {
    if from.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        from.consume(BYTE_ORDER_MARK.len());
    }
    let start = from.fill_buf()?;
    if start.trim_ascii_start().starts_with(b"{") {
        let numbered = from.lines().zip(1..);
        let filled = numbered.filter(|(line, _)| !line.as_ref().is_ok_and(|line| line.trim().is_empty()));
        return Ok(Box::new(filled.map(|(line, number)| Ok((number, from_json(&line?).and_then(|line| user(&line)))))));
    }
    let header = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_separated_by = |byte: u8| header.contains(&byte);
    let separator = if is_separated_by(b';') && !is_separated_by(b',') { b';' } else { b',' };
    // A row begins, to the reader, before the second half of such an end of a line.
    let lines_behind = u64::from(header.ends_with(b"\r"));
    from_csv(from, separator, lines_behind)
}

fn from_csv(from: impl Read + Send + 'static, separator: u8, lines_behind: u64) -> anyhow::Result<Lines> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).flexible(true).from_reader(from);
    let header: Vec<String> = reader.headers()?.iter().map(str::to_lowercase).collect();
    let line = move |at: Option<&csv::Position>, nth: u64| at.map_or(nth + 1, |at| at.line() + lines_behind);
    let users = reader.into_records().zip(1_u64..).map(move |(row, nth)| match row {
        Ok(row) => {
            let number = line(row.position(), nth);
            let cells = header.iter().cloned().zip(row.iter().map(str::to_owned));
            Ok((number, user(&cells.filter(|(_, cell)| !cell.is_empty()).collect())))
        }
        Err(cause) if cause.is_io_error() => Err(cause.into()),
        Err(cause) => Ok((line(cause.position(), nth), Err(format!("The line is none: {cause}")))),
    });
    Ok(Box::new(users))
}

fn from_json(line: &str) -> Result<Fields, String> {
    let Ok(Json::Object(fields)) = serde_json::from_str(line) else {
        return Err("The line is no object of JSON".to_owned());
    };
    let text = |value: Json| match value {
        Json::Null => None,
        Json::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    Ok(fields.into_iter().filter_map(|(key, value)| Some((key.to_lowercase(), text(value)?))).collect())
}

/// # Errors
/// An id that is none.
fn user(fields: &Fields) -> Result<UserInput, String> {
    let field = |names: &[&str]| names.iter().find_map(|name| fields.get(*name).cloned());
    Ok(UserInput {
        id: field(&["id"]).map(|id| id.parse()).transpose().map_err(str::to_owned)?,
        external_id: field(&["externalid", "external_id"]),
        name: field(&["name"]).unwrap_or_default(),
        avatar_url: field(&["avatarurl", "avatar_url", "picture"]),
    })
}

async fn take(chat: &Chat, portion: Vec<Line>, report: &mut Report) -> anyhow::Result<()> {
    let mut users = Vec::with_capacity(portion.len());
    for (number, user) in portion {
        match user {
            Ok(user) => users.push((number, user)),
            Err(reason) => report.left_out(KIND, &place(number), &reason),
        }
    }
    let db = chat.store.reader();
    let ids: Vec<_> = users.iter().filter_map(|(_, user)| user.id).collect();
    let texts = users.iter().filter_map(|(_, user)| user.external_id.clone());
    let mut texts: HashSet<String> = by_external_ids(&db, texts).await?.into_keys().collect();
    let mut ids: HashSet<_> = by_ids(&db, &ids).await?.into_keys().collect();
    let mut count = |report: &mut Report, user: &UserInput| {
        let is_new_by_id = user.id.is_none_or(|id| ids.insert(id));
        let is_new_by_text = user.external_id.as_ref().is_none_or(|text| texts.insert(text.clone()));
        if is_new_by_id && is_new_by_text { report.new_ones(KIND, 1) } else { report.was_there(KIND) }
    };
    let inputs = |users: &[(u64, UserInput)]| users.iter().map(|(_, user)| user.clone()).collect();
    match upsert_as_server(chat, inputs(&users)).await {
        Ok(_) => users.iter().for_each(|(_, user)| count(report, user)),
        Err(error) if !is_of_the_line(error.kind) => return Err(error.into()),
        // One that is refused takes nobody with it.
        Err(_) => {
            for one in &users {
                match upsert_as_server(chat, inputs(std::slice::from_ref(one))).await {
                    Ok(_) => count(report, &one.1),
                    Err(error) if is_of_the_line(error.kind) => {
                        report.left_out(KIND, &place(one.0), &error.to_string());
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(())
}

/// Whether an error speaks of what the line says, and not of the server.
fn is_of_the_line(kind: Kind) -> bool {
    matches!(kind, Kind::BadRequest | Kind::Conflict)
}

fn place(number: u64) -> String {
    format!("line {number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, id, external id, name and picture of each line, or why it is none.
    fn read(text: &'static str) -> Vec<String> {
        let told = |line: anyhow::Result<Line>| match line.unwrap() {
            (number, Ok(UserInput { id, external_id, name, avatar_url })) => {
                let id = id.map(|id| id.to_string());
                let texts = [id, external_id, Some(name), avatar_url].map(|text| text.unwrap_or("-".to_owned()));
                format!("{number} {}", texts.join(" "))
            }
            (number, Err(reason)) => format!("{number} {reason}"),
        };
        lines(BufReader::new(text.as_bytes())).unwrap().map(told).collect()
    }

    #[test]
    fn lines_are_read_in_every_form_in_which_they_come() {
        let ann = "2 1 - Ann https://example.org/a.png";
        for text in [
            "id,name,email,picture\n1,Ann,ann@example.org,https://example.org/a.png\n",
            "\u{feff}ID;Name;avatarUrl\r\n1;Ann;https://example.org/a.png\r\n",
            "picture,name,id\n\"https://example.org/a.png\",\"Ann\",1",
            "\n{\"id\":1,\"name\":\"Ann\",\"picture\":\"https://example.org/a.png\",\"age\":3}\n",
        ] {
            assert_eq!(read(text), [ann], "{text}");
        }
        let several = "externalId,name\n\"a|b\",\"Doe, Jane\"\n,\n,Bob,more\n";
        assert_eq!(read(several), ["2 - a|b Doe, Jane -", "3 - -  -", "4 - - Bob -"]);
        let no_id = "2 An id is a positive whole number below 2^53";
        assert_eq!(read("id,name\n0,Ann\n"), [no_id]);
        assert_eq!(
            read("{\"id\":\"7\",\"externalId\":null,\"name\":\"Ann\"}\n\n[1]\n"),
            ["1 7 - Ann -", "3 The line is no object of JSON"]
        );
        assert_eq!(read(""), Vec::<String>::new());
    }
}
