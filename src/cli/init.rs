//! `confab init`: a settings file to begin with.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, bail};

use super::output::say;
use crate::config;

/// Writes the file, `confab.toml` where none is named. One that is there already is left as it is.
///
/// # Errors
/// A file that is there, or cannot be made.
pub fn init(named: Option<&Path>) -> anyhow::Result<()> {
    let path = named.unwrap_or(Path::new(config::DEFAULT_FILE));
    let name = path.display();
    let mut file = match File::create_new(path) {
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => bail!("{name} is there already, and stays as it is"),
        file => file.with_context(|| format!("The file {name} cannot be made"))?,
    };
    file.write_all(config::sample().as_bytes()).with_context(|| format!("The file {name} cannot be written"))?;
    say(&format!("Wrote {name}: every setting with its default, switched off by a #\n"))
}
