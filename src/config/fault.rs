//! Deliberate faults, each the breach of one promise of the protocol: with the feature `faults`, which only
//! `scripts/faults --prove` builds with, the variable `CONFAB_FAULT` switches one on, and a test has to notice. Without
//! the feature there is nothing here to switch on.

/// The faults by name. `tests/faults.tsv` says which promise each one breaks and which test notices it.
pub const NAMES: [&str; 14] = [
    "announce-before-commit",
    "acknowledge-without-commit",
    "undone-transaction-trusted",
    "hole-after-failure",
    "ids-against-the-log",
    "cursor-skips-one",
    "temp-id-forgotten",
    "marker-moves-back",
    "webhook-failure-forgotten",
    "send-without-membership",
    "exits-forgotten",
    "feed-without-bound",
    "limit-passed-by-temp-id",
    "ban-spares-connections",
];

/// Whether the fault of this name is switched on in this process.
#[cfg(feature = "faults")]
pub fn is_on(name: &str) -> bool {
    static ON: std::sync::LazyLock<Option<String>> = std::sync::LazyLock::new(|| std::env::var("CONFAB_FAULT").ok());
    ON.as_deref() == Some(name)
}

/// Whether the fault of this name is switched on: never.
#[cfg(not(feature = "faults"))]
pub const fn is_on(_name: &str) -> bool {
    false
}
