//! A chat as a file of lines (docs/moving.md): the first says which format it is, each other one is a record in JSON. It knows
//! no table.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{Entry, Inlet, Outlet, Unfit};

/// The format that is written, and the newest one that is read.
const VERSION: u64 = 1;
/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Reads a file, and counts its bytes.
///
/// # Errors
/// A file that cannot be read or is none of this format. A line that is no record is an entry that says so.
pub async fn read(path: &Path, mut outlet: Outlet, progress: ProgressBar) -> anyhow::Result<()> {
    let name = path.display();
    let file = tokio::fs::File::open(path).await.with_context(|| format!("The file {name} cannot be opened"))?;
    progress.set_length(file.metadata().await.map_or(0, |known| known.len()));
    let mut lines = BufReader::with_capacity(BUFFER_BYTES, file);
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        let bytes = lines.read_until(b'\n', &mut line).await.with_context(|| format!("{name} cannot be read"))?;
        if bytes == 0 {
            break;
        }
        number += 1;
        progress.inc(bytes as u64);
        if number == 1 {
            must_be_of_this_format(&line).with_context(|| format!("{name} cannot be imported"))?;
        } else if !line.trim_ascii().is_empty() {
            let record = serde_json::from_slice(&line)
                .map_err(|cause| Unfit { kind: "lines", reason: format!("The line is no record: {cause}") });
            outlet.put(Entry { place: format!("line {number}"), record }).await?;
        }
    }
    if number == 0 {
        bail!("{name} is empty");
    }
    outlet.finish().await
}

fn must_be_of_this_format(line: &[u8]) -> anyhow::Result<()> {
    let head: Json = serde_json::from_slice(line).unwrap_or_default();
    match head["confab"].as_u64() {
        Some(version) if version <= VERSION => Ok(()),
        Some(version) => bail!("It is of the format {version}, and this version of confab reads up to {VERSION}"),
        None => bail!("Its first line has to be {}", json!({ "confab": VERSION })),
    }
}

/// Writes all records that come; how many there were.
///
/// # Errors
/// What keeps `out` from being written.
pub async fn write(mut inlet: Inlet, out: &mut (dyn Write + Send)) -> anyhow::Result<u64> {
    writeln!(out, "{}", json!({ "confab": VERSION }))?;
    let mut count = 0;
    while let Some(portion) = inlet.next().await? {
        for entry in portion {
            let record = entry.record.map_err(|unfit| anyhow::Error::msg(unfit.reason))?;
            serde_json::to_writer(&mut *out, &record)?;
            out.write_all(b"\n")?;
            count += 1;
        }
    }
    out.flush()?;
    Ok(count)
}
