//! What is said to a setting that there is none of: which one was meant, if that can be guessed.

use super::sources::ENV_PREFIX;
use super::{Config, ConfigError, tree};

/// How alike two names have to be, from 0 to 1, for one to be taken for the other with a slip of the pen.
const LIKENESS: f64 = 0.8;

/// Refuses what is no setting, with the one that was probably meant. `said` is what was written, `key` the name of a
/// setting that it comes to.
pub(super) fn unknown(said: &str, key: &str) -> ConfigError {
    let meant = meant(key).map(|meant| match said.strip_prefix(ENV_PREFIX) {
        Some(_) => format!("{ENV_PREFIX}{}", meant.to_uppercase().replace('.', "__")),
        None => meant,
    });
    let hint = meant.map(|meant| format!(", did you mean `{meant}`?")).unwrap_or_default();
    ConfigError::new(said, format!("Unknown setting: {said}{hint}"))
}

/// The setting that is written most like this one, whatever stands between its words; or the only one of its name, in
/// whichever section.
fn meant(key: &str) -> Option<String> {
    let plain = |key: &str| key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let wanted = plain(key);
    let likeness = |known: &String| strsim::normalized_damerau_levenshtein(&plain(known), &wanted);
    let nearest =
        keys().into_iter().map(|known| (likeness(&known), known)).max_by(|one, other| one.0.total_cmp(&other.0));
    let nearest = nearest.filter(|(likeness, _)| *likeness >= LIKENESS).map(|(_, known)| known);
    nearest.or_else(|| {
        let name = plain(key.rsplit('.').next().unwrap_or(key));
        let mut namesakes =
            keys().into_iter().filter(|known| known.rsplit('.').next().is_some_and(|known| plain(known) == name));
        namesakes.next().filter(|_| namesakes.next().is_none())
    })
}

/// All settings by name.
fn keys() -> Vec<String> {
    let tree = tree(&Config::default());
    let sections = tree.as_object().into_iter().flatten();
    let names = |(section, settings): (&String, &serde_json::Value)| {
        let settings = settings.as_object().into_iter().flatten();
        settings.map(|(name, _)| format!("{section}.{name}")).collect::<Vec<_>>()
    };
    sections.flat_map(names).collect()
}
