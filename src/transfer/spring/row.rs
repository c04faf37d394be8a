//! A row of the other chat: texts under the names of their columns, and what they have to be. It knows no table.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::id::Id;

/// Characters of a value that are told where it is none that is known.
const TOLD_CHARACTERS: usize = 40;

/// Texts, of which any may be missing.
pub struct Row<'r> {
    pub keys: &'r [&'static str],
    pub values: Vec<Option<String>>,
}

impl Row<'_> {
    /// The text as it is.
    pub fn raw(&self, key: &str) -> Option<&str> {
        let index = self.keys.iter().position(|known| *known == key)?;
        self.values.get(index)?.as_deref()
    }

    /// A text that is not blank.
    pub fn text(&self, key: &str) -> Option<String> {
        self.raw(key).filter(|text| !text.trim().is_empty()).map(str::to_owned)
    }

    /// An id, if there is one.
    ///
    /// # Errors
    /// A value that is none.
    pub fn id<K>(&self, key: &str) -> Result<Option<Id<K>>, String> {
        let parse = |text: &str| text.parse().map_err(|_| format!("Its {key} is no whole number from 1 to 2^53 - 1"));
        self.raw(key).map(parse).transpose()
    }

    /// An id.
    ///
    /// # Errors
    /// A value that is none, and none at all.
    pub fn must_have_id<K>(&self, key: &str) -> Result<Id<K>, String> {
        self.id(key)?.ok_or_else(|| missing(key))
    }

    /// A time, if there is one that can be told.
    pub fn time(&self, key: &str) -> Option<DateTime<Utc>> {
        let text = self.raw(key)?;
        DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
    }

    /// A time.
    ///
    /// # Errors
    /// None that can be told.
    pub fn must_have_time(&self, key: &str) -> Result<DateTime<Utc>, String> {
        self.time(key).ok_or_else(|| missing(key))
    }

    /// A yes or a no, however it is stored.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.raw(key)?.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "y" | "yes" => Some(true),
            "false" | "f" | "0" | "n" | "no" => Some(false),
            _ => None,
        }
    }

    /// A whole number, if there is one.
    pub fn number<N: std::str::FromStr>(&self, key: &str) -> Option<N> {
        self.raw(key)?.trim().parse().ok()
    }

    /// One of the words that are known, or what `values` has in its place.
    ///
    /// # Errors
    /// A word that is not known.
    pub fn word<T: DeserializeOwned>(&self, key: &str, values: &BTreeMap<String, String>) -> Result<Option<T>, String> {
        let Some(theirs) = self.text(key) else { return Ok(None) };
        let word = values.get(theirs.trim()).map_or(theirs.trim(), String::as_str).to_ascii_uppercase();
        let known = serde_json::from_value(Json::String(word)).ok();
        known.map(Some).ok_or_else(|| {
            let told: String = theirs.trim().chars().take(TOLD_CHARACTERS).collect();
            format!("Its {key} is none that is known: {told}")
        })
    }
}

/// Why something is left out that lacks what it has to have.
pub fn missing(key: &str) -> String {
    format!("It has no {key}")
}
