//! What commands print.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Prints to standard output. That nobody reads it (`confab schema | head`) is no failure.
pub fn say(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Err(cause).context("Nothing can be printed"),
        _ => Ok(()),
    }
}
