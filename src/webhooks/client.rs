//! One attempt: a signed POST to an address that may be connected to, with little patience and no interest in the answer
//! beyond its status. Redirects and proxies are not followed.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

use crate::config::fault;
use crate::webhooks::egress::{EgressPolicy, REFUSED};
use crate::webhooks::signature;
use crate::webhooks::{Claim, Due, Outcome, Secrets};

const CONNECT: Duration = Duration::from_secs(3);
const TOTAL: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read, so that its connection can be used again.
const ANSWER: usize = 64 * 1024;
/// How long they may take.
const READING: Duration = Duration::from_secs(1);

/// Sends webhooks.
pub struct Post {
    client: Client,
    policy: EgressPolicy,
}

/// Resolves a name and judges its addresses in one step, so that nothing can change in between.
struct Judged(EgressPolicy);

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            let found = policy.resolve(name.as_str()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Post {
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(policy: EgressPolicy) -> reqwest::Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("confab/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Judged(policy)))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .pool_max_idle_per_host(1)
            .build()?;
        Ok(Self { client, policy })
    }

    /// Makes an attempt. Any status of 200 to 299 is a success.
    pub async fn send(&self, claim: &Claim, due: &Due) -> Outcome {
        // A URL with an address in it never comes to the resolver, and the settings may have become stricter.
        let url = match self.policy.check(&claim.url) {
            Ok(url) => url,
            Err(sentence) => return failed(sentence),
        };
        let Some(headers) = headers(&claim.secrets, due) else { return failed("The webhook cannot be signed") };
        let request = self.client.post(url).headers(headers).body(due.payload.clone());
        match request.send().await {
            Ok(answer) => {
                let status = answer.status();
                let _rest = tokio::time::timeout(READING, drain(answer)).await;
                judge(status)
            }
            Err(cause) => failed(why(&cause)),
        }
    }
}

fn judge(status: StatusCode) -> Outcome {
    match status {
        StatusCode::GONE => Outcome::Gone,
        status if status.is_success() || fault::is_on("webhook-failure-forgotten") => {
            Outcome::Delivered(status.as_u16())
        }
        status if status.is_redirection() => Outcome::Failed {
            status: Some(status.as_u16()),
            why: format!("The receiver answered {}, and redirects are not followed", status.as_u16()),
        },
        status => {
            Outcome::Failed { status: Some(status.as_u16()), why: format!("The receiver answered {}", status.as_u16()) }
        }
    }
}

fn failed(why: &str) -> Outcome {
    Outcome::Failed { status: None, why: why.to_owned() }
}

/// The head of the Standard Webhooks specification. The time is that of the attempt.
fn headers(secrets: &Secrets, due: &Due) -> Option<HeaderMap> {
    let now = Utc::now().timestamp();
    let sign = |secret: &String| signature::sign(secret, &due.webhook_id, now, &due.payload);
    let signatures: Vec<String> = secrets.0.iter().filter_map(sign).collect();
    if signatures.is_empty() {
        return None;
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HeaderName::from_static("webhook-id"), due.webhook_id.parse().ok()?);
    headers.insert(HeaderName::from_static("webhook-timestamp"), now.into());
    headers.insert(HeaderName::from_static("webhook-signature"), signatures.join(" ").parse().ok()?);
    Some(headers)
}

async fn drain(mut answer: Response) {
    let mut read = 0;
    while read < ANSWER
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        read += chunk.len();
    }
}

/// What an administrator is told of a failure: nothing of what stands behind the address.
fn why(cause: &reqwest::Error) -> &'static str {
    let mut inner = cause.source();
    while let Some(error) = inner {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
            return REFUSED;
        }
        inner = error.source();
    }
    match cause {
        cause if cause.is_connect() => "The receiver cannot be connected to",
        cause if cause.is_timeout() => "The receiver did not answer in time",
        _ => "The connection broke",
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_inside_is_never_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let client = Post::new(EgressPolicy::Public).unwrap().client;
        assert_eq!(why(&client.post(url).send().await.unwrap_err()), REFUSED);
        let knock = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(knock.is_err(), "it was connected to");
    }
}
