//! `confab doctor`: checks a database, and the files that it knows of, against what must always hold.

use anyhow::{Context, bail};

use super::output::say;
use crate::chat::doctor::{Finding, examine, examine_files, has_files};
use crate::config::Config;
use crate::store::{Blobs, Store};

/// Prints what each rule found.
///
/// # Errors
/// A rule that is broken, or a database or storage that cannot be read.
pub async fn doctor(config: &Config) -> anyhow::Result<()> {
    let store = Store::open_as_it_is(&config.database_url()).await?;
    let findings = look(config, &store).await;
    store.close().await;
    let findings = findings?;
    for finding in &findings {
        let verdict = if finding.broken == 0 { "ok".to_owned() } else { format!("broken in {}", finding.broken) };
        say(&format!("{}: {verdict}\n", finding.rule))?;
    }
    match findings.iter().filter(|finding| finding.broken != 0).count() {
        0 => Ok(()),
        broken => bail!("{broken} of {} rules are broken", findings.len()),
    }
}

async fn look(config: &Config, store: &Store) -> anyhow::Result<Vec<Finding>> {
    let mut findings = examine(store).await.context("The database cannot be read")?;
    // Where no file is known, no place for files is made.
    if has_files(store).await.context("The database cannot be read")? {
        let blobs = Blobs::open(config).await?;
        findings.push(examine_files(store, &blobs).await.context("The files cannot be looked for")?);
    }
    Ok(findings)
}
