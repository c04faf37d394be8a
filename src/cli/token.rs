//! `confab token`: a token for a user, signed with the server's own secret.

use std::time::Duration;

use clap::Args;

use super::output::say;
use super::user::user_id;
use crate::auth::{Subject, Tokens};
use crate::config::{Config, UserIds};

#[derive(Args)]
pub struct Arguments {
    /// The id of the user: a number, or a text where auth.user_ids says so
    #[arg(long)]
    user: String,
    /// The name of the user
    #[arg(long)]
    name: Option<String>,
    /// Makes it the token of an administrator
    #[arg(long)]
    admin: bool,
    /// How long it is valid: a number followed by s, m, h or d
    #[arg(long, default_value = "1h", value_parser = duration)]
    ttl: Duration,
}

/// Prints the token.
///
/// # Errors
/// An id that no user can have, a server that verifies others' tokens only, a data folder without a secret.
pub async fn token(config: &Config, Arguments { user, name, admin, ttl }: Arguments) -> anyhow::Result<()> {
    let subject = match config.auth.user_ids {
        UserIds::Number => Subject::Number(user_id(&user)?.get()),
        UserIds::Text => Subject::Text(user),
    };
    let tokens = Tokens::find(&config.auth, &config.server.data_dir).await?;
    let token = tokens.issue(subject, name.as_deref(), admin, ttl)?;
    say(&format!("{token}\n"))
}

/// A number followed by its unit.
fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("a duration is a number followed by s, m, h or d".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a duration is a number followed by s, m, h or d".to_owned())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "the duration is too long".to_owned())
}
