//! What has to be the same at all nodes of a database: the keys of tokens, and where files lie. Of the rest it is only said
//! that it differs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::nodes::Node;
use crate::config::Config;

/// The settings of a node that others look at. No secret stands here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// What tells the key of tokens from others: the one that signs, or the first one.
    pub token_key: String,
    /// The same of all that are taken. Releases of before take one.
    pub token_keys: Vec<String>,
    /// What tells the storage of files from others; none where it could not be read.
    pub storage: Option<String>,
    /// By their names.
    pub others: BTreeMap<String, String>,
}

impl Settings {
    pub fn of(config: &Config, token_keys: Vec<String>, storage: Option<String>) -> Self {
        let limits = &config.limits;
        let others = [
            ("log.retention_days", config.log.retention_days.to_string()),
            ("limits.messages_per_minute", limits.messages_per_minute.to_string()),
            ("limits.uploads_per_minute", limits.uploads_per_minute.to_string()),
            ("limits.reactions_per_minute", limits.reactions_per_minute.to_string()),
            ("limits.creations_per_minute", limits.creations_per_minute.to_string()),
            ("limits.searches_per_minute", limits.searches_per_minute.to_string()),
            ("limits.connections_per_user", limits.connections_per_user.to_string()),
            ("chat.max_message_length", config.chat.max_message_length.to_string()),
            ("chat.max_file_size_mb", config.chat.max_file_size_mb.to_string()),
        ];
        let others = others.map(|(name, value)| (name.to_owned(), value)).into();
        let token_key = token_keys.first().cloned().unwrap_or_default();
        Self { token_key, token_keys, storage, others }
    }

    /// Whether tokens that are signed there are taken here.
    fn takes_keys_of(&self, other: &Settings) -> bool {
        self.token_key == other.token_key || self.token_keys.contains(&other.token_key)
    }

    /// As it stands in the table of the nodes.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }

    /// Whether a node with these settings may stand beside another one. What differs and may differ is said in the log.
    ///
    /// # Errors
    /// The sentence that says which setting differs from whose, and what to do.
    pub fn must_agree_with(&self, other: &Node) -> Result<(), String> {
        let theirs: Settings = serde_json::from_str(&other.settings).unwrap_or_default();
        let name = &other.name;
        let is_understood = self.takes_keys_of(&theirs) && theirs.takes_keys_of(self);
        if !is_understood && !theirs.token_key.is_empty() {
            return Err(format!(
                "The node {name} of this database checks tokens with another key, so that the tokens of one would fail at \
                 the other: set auth.jwt_secret (or auth.jwks, auth.public_key) to the same at every node. To change a \
                 secret while others serve, give the new one to every node in auth.previous_secrets first"
            ));
        }
        if let (Some(here), Some(there)) = (&self.storage, &theirs.storage)
            && here != there
        {
            return Err(format!(
                "The node {name} of this database keeps files somewhere else, so that the files of one would be missing at \
                 the other: set storage.url to one place that every node reaches"
            ));
        }
        for (setting, value) in &self.others {
            if let Some(there) = theirs.others.get(setting).filter(|there| *there != value) {
                tracing::warn!("{setting} is {value} here and {there} at the node {name}");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::clock;

    fn node(settings: &str) -> Node {
        let now = clock::now();
        Node {
            id: "1".to_owned(),
            name: "chat-1:1337".to_owned(),
            version: "1".to_owned(),
            address: None,
            settings: settings.to_owned(),
            draining: false,
            started_at: now,
            seen_until: now,
        }
    }

    #[test]
    fn keys_and_storage_have_to_agree_and_the_rest_need_not() {
        let here = Settings::of(&Config::default(), vec!["k1".to_owned()], Some("s1".to_owned()));
        assert_eq!(here.must_agree_with(&node(&here.to_text())), Ok(()));
        // Another release may say less or more.
        assert_eq!(here.must_agree_with(&node("{}")), Ok(()));
        assert_eq!(here.must_agree_with(&node(r#"{"tokenKey":"k1","mood":"good"}"#)), Ok(()));
        let mut config = Config::default();
        config.limits.messages_per_minute = 1;
        let other = Settings::of(&config, vec!["k1".to_owned()], None);
        assert_eq!(here.must_agree_with(&node(&other.to_text())), Ok(()));
        let other_key = Settings::of(&config, vec!["k2".to_owned()], Some("s1".to_owned()));
        let refused = here.must_agree_with(&node(&other_key.to_text())).unwrap_err();
        assert!(
            refused.starts_with("The node chat-1:1337 of this database checks tokens with another key"),
            "{refused}"
        );
        // While a secret is changed, each takes what the other signs with, or it is not time yet.
        let keys = |keys: &[&str]| Settings::of(&config, keys.iter().map(|key| (*key).to_owned()).collect(), None);
        assert_eq!(here.must_agree_with(&node(&keys(&["k2", "k1"]).to_text())).map_err(|_| ()), Err(()));
        assert_eq!(keys(&["k1", "k2"]).must_agree_with(&node(&keys(&["k2", "k1"]).to_text())), Ok(()));
        assert_eq!(keys(&["k1", "k2"]).must_agree_with(&node(r#"{"tokenKey":"k1"}"#)), Ok(()));
        assert!(keys(&["k2", "k1"]).must_agree_with(&node(r#"{"tokenKey":"k1"}"#)).is_err());
        let other_place = Settings { storage: Some("s2".to_owned()), ..here.clone() };
        let refused = here.must_agree_with(&node(&other_place.to_text())).unwrap_err();
        assert!(refused.starts_with("The node chat-1:1337 of this database keeps files somewhere else"), "{refused}");
    }
}
