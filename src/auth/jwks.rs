//! The public keys of an identity provider: a JWKS from a file or the web, found by `kid` and kept up to date.
//! Whatever tokens claim, the provider is asked at most once in 30 s, by one request at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use arc_swap::ArcSwapOption;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::header::ACCEPT;
use reqwest::redirect::Policy;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;

/// The least time between two loads, which a key that is not known may bring about.
const RETRY: Duration = Duration::from_secs(30);
/// The age at which keys are loaded again in the background, so that withdrawn ones are forgotten.
const REFRESH: Duration = Duration::from_secs(5 * 60);
/// The age, reached in quiet hours only, at which keys are loaded again before one of them is believed.
const STALE: Duration = Duration::from_secs(60 * 60);
/// How long one load may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest set that is read, in bytes.
const SET_BYTES: usize = 1024 * 1024;

/// A key of the provider. Its own kind decides the algorithm, RS256, ES256 or EdDSA: a token has no say in it.
pub(super) struct Key {
    kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) check: DecodingKey,
}

/// The keys and where they come from.
pub(super) struct Jwks {
    set: Arc<Set>,
    /// When the last load began; none: never, or so long ago that it does not matter. Held for as long as a load takes.
    asked: Arc<Mutex<Option<Instant>>>,
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
                bail!("The keys of auth.jwks cannot be used: {source} holds none for RS256, ES256 or EdDSA")
            }
            Ok(keys) => set.keys.store(Some(Arc::new(keys))),
            Err(error) if set.source.is_file() => {
                return Err(error).with_context(|| format!("The keys of auth.jwks cannot be loaded from {source}"));
            }
            Err(error) => tracing::warn!("All tokens are refused until the keys of auth.jwks can be loaded: {error:#}"),
        }
        Ok(Jwks { set: Arc::new(set), asked: Arc::new(Mutex::new(Some(Instant::now()))) })
    }

    /// Whether any keys were loaded since the start.
    pub(super) fn is_loaded(&self) -> bool {
        self.set.keys.load().is_some()
    }

    /// The key of that id, or the only key if a token names none. Waits for a load where the key is not known and the
    /// last load is 30 s ago; keys that are known do not wait for that.
    pub(super) async fn find(&self, kid: Option<&str>) -> Option<Arc<Key>> {
        if let Some(key) = self.set.find(kid) {
            // Held by somebody else, it is being loaded already.
            let Ok(asked) = Arc::clone(&self.asked).try_lock_owned() else { return Some(key) };
            let age = age(&asked);
            if age < REFRESH {
                return Some(key);
            }
            let load = self.load(asked);
            if age < STALE {
                return Some(key);
            }
            finished(load).await;
            return self.set.find(kid);
        }
        if kid.is_none() && self.is_loaded() && !self.set.is_empty() {
            // There are several, and asking again would not tell which.
            return None;
        }
        let asked = Arc::clone(&self.asked).lock_owned().await;
        if let Some(key) = self.set.find(kid) {
            return Some(key);
        }
        if age(&asked) < RETRY {
            return None;
        }
        finished(self.load(asked)).await;
        self.set.find(kid)
    }

    /// Lets the last load lie so far back that nothing has to wait for it.
    #[cfg(test)]
    pub(super) async fn forget_when_asked(&self) {
        *self.asked.lock().await = None;
    }

    /// Loads the keys in a task of its own, which somebody who hangs up cannot stop half-way.
    fn load(&self, mut asked: OwnedMutexGuard<Option<Instant>>) -> JoinHandle<()> {
        let set = Arc::clone(&self.set);
        *asked = Some(Instant::now());
        tokio::spawn(async move {
            match set.load().await {
                Ok(keys) => set.keys.store(Some(Arc::new(keys))),
                Err(error) => tracing::warn!("The keys of auth.jwks cannot be loaded, the old ones stay: {error:#}"),
            }
            drop(asked);
        })
    }
}

/// Waits for a load. That it did not come to its end (the server stops) leaves the keys as they were.
async fn finished(load: JoinHandle<()>) {
    if let Err(error) = load.await {
        tracing::warn!("Loading the keys of auth.jwks was cut short: {error}");
    }
}

fn age(asked: &Option<Instant>) -> Duration {
    asked.map_or(Duration::MAX, |asked| asked.elapsed())
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
        let bytes = tokio::time::timeout(PATIENCE, self.source.read()).await;
        usable(&bytes.with_context(|| format!("no answer within {} s", PATIENCE.as_secs()))??)
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
        let client = reqwest::Client::builder().redirect(Policy::none()).timeout(PATIENCE).build();
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
                file.take(SET_BYTES as u64 + 1).read_to_end(&mut bytes).await?;
                ensure!(bytes.len() <= SET_BYTES, "it is larger than {SET_BYTES} bytes");
            }
            Source::Web { client, url } => {
                let request = client.get(url).header(ACCEPT, "application/jwk-set+json, application/json");
                // The URL may hold a password.
                let mut answer = request.send().await.map_err(reqwest::Error::without_url)?;
                ensure!(answer.status() == reqwest::StatusCode::OK, "the answer is {}", answer.status());
                while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
                    ensure!(bytes.len() + chunk.len() <= SET_BYTES, "it is larger than {SET_BYTES} bytes");
                    bytes.extend_from_slice(&chunk);
                }
            }
        }
        Ok(bytes)
    }
}

/// The keys of a set that tokens may be checked with; the others are left out, so that one odd key harms no other.
fn usable(bytes: &[u8]) -> anyhow::Result<Vec<Arc<Key>>> {
    #[derive(Deserialize)]
    struct RawSet {
        keys: Vec<serde_json::Value>,
    }
    let set: RawSet = serde_json::from_slice(bytes).context("it is not a JWKS")?;
    Ok(set.keys.into_iter().filter_map(key).map(Arc::new).collect())
}

fn key(raw: serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(raw).ok()?;
    let common = &jwk.common;
    let is_for_signatures = common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|uses| uses.contains(&KeyOperations::Verify));
    if !is_for_signatures {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    if common.key_algorithm.is_some_and(|own| own != named) {
        return None;
    }
    Some(Key { check: DecodingKey::from_jwk(&jwk).ok()?, algorithm, kid: jwk.common.key_id })
}
