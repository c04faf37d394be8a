//! The public keys of an identity provider: a JWKS from a file or the web, found by `kid` and kept up to date.
//! Whatever tokens claim, the provider is asked at most once in 30 s, by one request at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use arc_swap::ArcSwapOption;
use reqwest::header::ACCEPT;
use reqwest::redirect::Policy;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;

use super::key::Key;

/// The least time between two loads, which a token with an unknown key may bring about.
const MIN_LOAD_INTERVAL: Duration = Duration::from_secs(30);
/// The age at which keys are loaded again in the background, so that withdrawn ones are forgotten.
const REFRESH_AGE: Duration = Duration::from_secs(5 * 60);
/// The age, reached in quiet hours only, at which keys are loaded again before one of them is believed.
const MAX_TRUSTED_AGE: Duration = Duration::from_secs(60 * 60);
/// How long one load may take.
const LOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest set that is read, in bytes.
const MAX_SET_BYTES: usize = 1024 * 1024;

/// The keys and where they come from.
pub(super) struct Jwks {
    set: Arc<Set>,
    /// When the last load began; none where that is so long ago that it does not matter. A load holds the lock.
    last_load: Arc<Mutex<Option<Instant>>>,
}

struct Set {
    source: Source,
    /// None until the first load has succeeded. A failed load changes nothing.
    keys: ArcSwapOption<Vec<Arc<Key>>>,
}

enum Source {
    File(PathBuf),
    Web { client: reqwest::Client, url: String },
}

impl Jwks {
    /// Loads the keys from `source`, a path or an `http(s)` URL.
    ///
    /// # Errors
    /// When a file cannot be read or holds no key that can be used. That a provider does not answer is only logged.
    pub(super) async fn open(source: &str) -> anyhow::Result<Jwks> {
        let set = Set { source: Source::new(source)?, keys: ArcSwapOption::empty() };
        match set.load().await {
            Ok(keys) if keys.is_empty() && set.source.is_file() => {
                bail!("The keys of auth.jwks cannot be used: {source} holds none of RSA, EC (P-256, P-384) or Ed25519")
            }
            Ok(keys) => set.keys.store(Some(Arc::new(keys))),
            Err(error) if set.source.is_file() => {
                return Err(error).with_context(|| format!("The keys of auth.jwks cannot be loaded from {source}"));
            }
            Err(error) => tracing::warn!("All tokens are refused until the keys of auth.jwks can be loaded: {error:#}"),
        }
        Ok(Jwks { set: Arc::new(set), last_load: Arc::new(Mutex::new(Some(Instant::now()))) })
    }

    /// Whether any keys were loaded since the start.
    pub(super) fn is_loaded(&self) -> bool {
        self.set.keys.load().is_some()
    }

    /// The key of that id, or the only key if a token names none. Waits for a load where the key is not known and the
    /// last load is 30 s ago; keys that are known do not wait for that.
    pub(super) async fn find(&self, kid: Option<&str>) -> Option<Arc<Key>> {
        if let Some(key) = self.set.find(kid) {
            // A load that is under way holds it.
            let Ok(last_load) = Arc::clone(&self.last_load).try_lock_owned() else { return Some(key) };
            let age = age(&last_load);
            if age < REFRESH_AGE {
                return Some(key);
            }
            let load = self.load(last_load);
            if age < MAX_TRUSTED_AGE {
                return Some(key);
            }
            wait_for(load).await;
            return self.set.find(kid);
        }
        if kid.is_none() && self.is_loaded() && !self.set.is_empty() {
            // There are several, and asking again would not tell which.
            return None;
        }
        let last_load = Arc::clone(&self.last_load).lock_owned().await;
        if let Some(key) = self.set.find(kid) {
            return Some(key);
        }
        if age(&last_load) < MIN_LOAD_INTERVAL {
            return None;
        }
        wait_for(self.load(last_load)).await;
        self.set.find(kid)
    }

    /// Lets the last load lie so far back that nothing has to wait for it.
    #[cfg(test)]
    pub(super) async fn forget_last_load(&self) {
        *self.last_load.lock().await = None;
    }

    /// Loads the keys in a task of its own, so that a caller who hangs up does not stop the load half-way.
    fn load(&self, mut last_load: OwnedMutexGuard<Option<Instant>>) -> JoinHandle<()> {
        let set = Arc::clone(&self.set);
        *last_load = Some(Instant::now());
        tokio::spawn(async move {
            match set.load().await {
                Ok(keys) => set.keys.store(Some(Arc::new(keys))),
                Err(error) => tracing::warn!("The keys of auth.jwks cannot be loaded, the old ones stay: {error:#}"),
            }
            drop(last_load);
        })
    }
}

/// Waits for a load to end. That it did not come to its end (the server stops) leaves the keys as they were.
async fn wait_for(load: JoinHandle<()>) {
    if let Err(error) = load.await {
        tracing::warn!("Loading the keys of auth.jwks was cut short: {error}");
    }
}

fn age(last_load: &Option<Instant>) -> Duration {
    last_load.map_or(Duration::MAX, |at| at.elapsed())
}

impl Set {
    fn find(&self, kid: Option<&str>) -> Option<Arc<Key>> {
        let keys = self.keys.load();
        let keys = keys.as_ref()?;
        match kid {
            Some(_) => keys.iter().find(|key| key.kid.as_deref() == kid).cloned(),
            None if keys.len() == 1 => keys.first().cloned(),
            None => None,
        }
    }

    fn is_empty(&self) -> bool {
        self.keys.load().as_ref().is_none_or(|keys| keys.is_empty())
    }

    async fn load(&self) -> anyhow::Result<Vec<Arc<Key>>> {
        let bytes = tokio::time::timeout(LOAD_TIMEOUT, self.source.read()).await;
        parse_set(&bytes.with_context(|| format!("no answer within {} s", LOAD_TIMEOUT.as_secs()))??)
    }
}

impl Source {
    fn new(source: &str) -> anyhow::Result<Source> {
        if !source.starts_with("https://") && !source.starts_with("http://") {
            return Ok(Source::File(PathBuf::from(source)));
        }
        if source.starts_with("http://") {
            tracing::warn!("auth.jwks is fetched without TLS: whoever can change it on its way can be anybody");
        }
        // Who may answer is the operator's choice, so it is not handed on by a redirect.
        let client = reqwest::Client::builder().redirect(Policy::none()).timeout(LOAD_TIMEOUT).build();
        Ok(Source::Web {
            client: client.context("The web cannot be asked for the keys of auth.jwks")?,
            url: source.to_owned(),
        })
    }

    fn is_file(&self) -> bool {
        matches!(self, Source::File(_))
    }

    async fn read(&self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Source::File(path) => {
                let file = tokio::fs::File::open(path).await?;
                file.take(MAX_SET_BYTES as u64 + 1).read_to_end(&mut bytes).await?;
                ensure!(bytes.len() <= MAX_SET_BYTES, "it is larger than {MAX_SET_BYTES} bytes");
            }
            Source::Web { client, url } => {
                let request = client.get(url).header(ACCEPT, "application/jwk-set+json, application/json");
                let mut answer = request.send().await.map_err(unanswered)?;
                ensure!(answer.status() == reqwest::StatusCode::OK, "the answer is {}", answer.status());
                while let Some(chunk) = answer.chunk().await.map_err(unanswered)? {
                    ensure!(bytes.len() + chunk.len() <= MAX_SET_BYTES, "it is larger than {MAX_SET_BYTES} bytes");
                    bytes.extend_from_slice(&chunk);
                }
            }
        }
        Ok(bytes)
    }
}

/// Why there is no answer: what happened at the bottom, without what the library puts around it, nor the URL, which may hold
/// a password.
fn unanswered(error: reqwest::Error) -> anyhow::Error {
    let what = if error.is_connect() { "it cannot be connected to" } else { "its answer cannot be read" };
    anyhow!("{what}: {}", anyhow::Error::new(error.without_url()).root_cause())
}

/// The keys of a set that tokens may be verified with; others are left out, so that one odd key harms no other.
fn parse_set(bytes: &[u8]) -> anyhow::Result<Vec<Arc<Key>>> {
    #[derive(Deserialize)]
    struct RawSet {
        keys: Vec<serde_json::Value>,
    }
    let set: RawSet = serde_json::from_slice(bytes).context("it is not a JWKS")?;
    Ok(set.keys.into_iter().filter_map(Key::of_jwk).map(Arc::new).collect())
}
