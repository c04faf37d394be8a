//! `confab user`: makes users known ahead of time.

use anyhow::Context;
use clap::Subcommand;

use super::output::say;
use crate::app::App;
use crate::chat::users::{self, UserInput};
use crate::config::Config;
use crate::id::UserId;

#[derive(Subcommand)]
pub enum Command {
    /// Makes a user known ahead of time, or changes one
    Add {
        #[arg(long)]
        id: i64,
        #[arg(long)]
        name: String,
        #[arg(long)]
        avatar_url: Option<String>,
    },
}

/// Does what the command asks for, in the database of the settings.
///
/// # Errors
/// What a user must not be called, a database that cannot be opened.
pub async fn user(config: Config, command: Command) -> anyhow::Result<()> {
    let Command::Add { id, name, avatar_url } = command;
    let id = user_id(id)?;
    let app = App::open(config).await?;
    let added = users::upsert_as_server(&app.chat, vec![UserInput { id, name, avatar_url }]).await;
    app.close().await;
    for user in added? {
        say(&format!("User {id} is {}\n", user.name))?;
    }
    Ok(())
}

/// The id of a user, as an operator wrote it.
pub(super) fn user_id(number: i64) -> anyhow::Result<UserId> {
    UserId::new(number).context("The id of a user is a positive whole number below 2^53")
}
