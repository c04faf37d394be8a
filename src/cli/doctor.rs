//! `confab doctor`: checks a database against what must always hold.

use anyhow::{Context, bail};

use super::output::say;
use crate::chat::doctor::examine;
use crate::config::Config;
use crate::store::Store;

/// Prints what each rule found.
///
/// # Errors
/// A rule that is broken, or a database that cannot be read.
pub async fn doctor(config: &Config) -> anyhow::Result<()> {
    let store =
        Store::open_as_it_is(&config.database_url()).await.map_err(|cause| config.no_database("checked", &cause))?;
    let findings = examine(&store).await.context("The database cannot be read")?;
    store.close().await;
    for finding in &findings {
        let verdict = if finding.broken == 0 { "ok".to_owned() } else { format!("broken in {}", finding.broken) };
        say(&format!("{}: {verdict}\n", finding.rule))?;
    }
    match findings.iter().filter(|finding| finding.broken != 0).count() {
        0 => Ok(()),
        broken => bail!("{broken} of {} rules are broken", findings.len()),
    }
}
