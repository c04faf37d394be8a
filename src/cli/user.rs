//! `confab user`: who is known, and whom the server lets in.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::import::open_report;
use super::output::say;
use super::progress;
use crate::app::App;
use crate::chat::Chat;
use crate::chat::users::standing::{self, Sanction};
use crate::chat::users::{self, User, UserInput};
use crate::config::Config;
use crate::id::UserId;
use crate::transfer;
use crate::transfer::report::Report;

/// Users that `list` prints where nothing is said.
const DEFAULT_LIST_USERS: u64 = 100;

#[derive(Subcommand)]
pub enum Command {
    /// Prints users in the order of their ids: id, external id, name, and whether they are banned
    List {
        /// Begins behind this id
        #[arg(long)]
        after: Option<String>,
        /// How many, at most
        #[arg(long, default_value_t = DEFAULT_LIST_USERS)]
        limit: u64,
    },
    /// Prints what is known of a user
    Show(Who),
    /// Makes a user known ahead of time, or changes one
    Add {
        #[command(flatten)]
        who: Who,
        #[arg(long)]
        name: String,
        #[arg(long)]
        avatar_url: Option<String>,
    },
    /// Makes all users of a file known, or brings them up to date: CSV with a header, or a JSON object a line
    Import {
        file: PathBuf,
        /// Writes each line that was left out, and why, into this file
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
    /// Ends a user's connections, and refuses tokens from before this moment
    Logout(Who),
    /// Refuses a user until the ban is lifted, and ends their connections
    Ban(Who),
    /// Lifts a ban
    Unban(Who),
}

/// A user, as an operator names them.
#[derive(Args)]
pub struct Who {
    /// The id, a number
    #[arg(long, required_unless_present = "external_id")]
    id: Option<String>,
    /// The text by which the host application knows the user, where auth.user_ids is text
    #[arg(long)]
    external_id: Option<String>,
}

/// Does what the command asks for, in the database of the settings. Servers that run hear of it at once on
/// PostgreSQL, else within 5 s.
///
/// # Errors
/// What a user must not be called, a user who is not known, a database that cannot be opened.
pub async fn user(config: Config, command: Command) -> anyhow::Result<()> {
    let app = App::open(config).await?;
    let done = match command {
        Command::List { .. } | Command::Show(_) => run(&app.chat, command).await,
        _ => app.beside_nodes(run(&app.chat, command)).await,
    };
    app.close().await;
    say(&done?)
}

async fn run(chat: &Arc<Chat>, command: Command) -> anyhow::Result<String> {
    let sanction = |user: User, what: &str| format!("User {} ({}) is {what}\n", user.id, user.name);
    Ok(match command {
        Command::List { after, limit } => {
            let after = after.as_deref().map(user_id).transpose()?;
            users::all_as_server(chat, after, limit).await?.iter().map(line).collect()
        }
        Command::Show(who) => {
            let user = users::get_as_server(chat, who.find(chat).await?).await?;
            let told =
                |what: &str, text: Option<&str>| text.map(|text| format!("{what}: {text}\n")).unwrap_or_default();
            [
                format!("id: {}\nname: {}\n", user.id, user.name),
                told("external id", user.external_id.as_deref()),
                told("avatar", user.avatar_url.as_deref()),
                format!("banned: {}\n", if user.is_banned { "yes" } else { "no" }),
            ]
            .concat()
        }
        Command::Add { who, name, avatar_url } => {
            let id = who.id.as_deref().map(user_id).transpose()?;
            let input = UserInput { id, external_id: who.external_id, name, avatar_url };
            let added = users::upsert_as_server(chat, vec![input]).await?;
            added.iter().map(|user| format!("User {} is {}\n", user.id, user.name)).collect()
        }
        Command::Import { file, report } => {
            let bar = progress::of_bytes("Importing");
            let report = Report::written_to(report.map(open_report).transpose()?);
            let report = transfer::users::import(chat, &file, report, &bar).await;
            bar.finish_and_clear();
            report?.to_string()
        }
        Command::Logout(who) => {
            sanction(standing::sanction_as_server(chat, who.find(chat).await?, Sanction::Logout).await?, "signed out")
        }
        Command::Ban(who) => {
            sanction(standing::sanction_as_server(chat, who.find(chat).await?, Sanction::Ban).await?, "banned")
        }
        Command::Unban(who) => {
            sanction(standing::sanction_as_server(chat, who.find(chat).await?, Sanction::Unban).await?, "not banned")
        }
    })
}

/// A user in a list, for people and for programs that cut at tabs.
fn line(user: &User) -> String {
    let banned = if user.is_banned { "\tbanned" } else { "" };
    format!("{}\t{}\t{}{banned}\n", user.id, user.external_id.as_deref().unwrap_or("-"), user.name)
}

impl Who {
    async fn find(self, chat: &Chat) -> anyhow::Result<UserId> {
        match (self.id, self.external_id) {
            (Some(id), None) => user_id(&id),
            (None, Some(text)) => {
                users::find_external(chat, &text).await?.with_context(|| format!("User not found: {text}"))
            }
            _ => bail!("Name the user by --id or by --external-id"),
        }
    }
}

/// The id of a user, as an operator wrote it.
pub(super) fn user_id(text: &str) -> anyhow::Result<UserId> {
    text.parse().ok().and_then(UserId::new).context("The id of a user is a positive whole number below 2^53")
}
