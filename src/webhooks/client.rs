//! One attempt: a signed POST to an address that may be connected to, with short deadlines, of whose answer only the status
//! counts. The client follows no redirect and uses no proxy.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

use super::egress::{ADDRESS_NOT_ALLOWED, EgressPolicy};
use super::queue::{DeliveryLease, LeasedDelivery, Outcome, Secrets};
use super::signature;
use crate::config::fault;
use crate::entity::clock;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an attempt may take, until the head of the answer is there.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer that the client reads and drops, so that it can use the connection again.
const MAX_DRAINED_BYTES: usize = 64 * 1024;
/// How long that may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends webhooks within an egress policy.
pub struct WebhookClient {
    client: Client,
    policy: EgressPolicy,
}

/// Resolves a name and drops the addresses that the policy forbids in one step, so that no other answer of a name service
/// can come in between.
struct FilteringResolver(EgressPolicy);

impl Resolve for FilteringResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            let found = policy.resolve(name.as_str()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl WebhookClient {
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(policy: EgressPolicy) -> reqwest::Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("confab/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(FilteringResolver(policy)))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .pool_max_idle_per_host(1)
            .build()?;
        Ok(Self { client, policy })
    }

    /// Makes an attempt with this body. Any status of 200 to 299 is a success.
    pub async fn send(&self, lease: &DeliveryLease, delivery: &LeasedDelivery, body: &str) -> Outcome {
        // A URL with an address in it never comes to the resolver, and the settings may have become stricter.
        let url = match self.policy.check(&lease.url) {
            Ok(url) => url,
            Err(sentence) => return failed(sentence),
        };
        let Some(headers) = headers(&lease.secrets, delivery, body) else {
            return failed("The webhook cannot be signed");
        };
        let request = self.client.post(url).headers(headers).body(body.to_owned());
        match request.send().await {
            Ok(answer) => {
                let status = answer.status();
                let _rest = tokio::time::timeout(DRAIN_TIMEOUT, drain(answer)).await;
                outcome_of(status)
            }
            Err(cause) => failed(failure_reason(&cause)),
        }
    }
}

fn outcome_of(status: StatusCode) -> Outcome {
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

/// The headers of the Standard Webhooks specification, with the time of this attempt. None without a usable secret.
fn headers(secrets: &Secrets, delivery: &LeasedDelivery, body: &str) -> Option<HeaderMap> {
    let now = clock::now().timestamp();
    let sign = |secret: &String| signature::sign(secret, &delivery.webhook_id, now, body);
    let signatures: Vec<String> = secrets.0.iter().filter_map(sign).collect();
    if signatures.is_empty() {
        return None;
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HeaderName::from_static("webhook-id"), delivery.webhook_id.parse().ok()?);
    headers.insert(HeaderName::from_static("webhook-timestamp"), now.into());
    headers.insert(HeaderName::from_static("webhook-signature"), signatures.join(" ").parse().ok()?);
    Some(headers)
}

async fn drain(mut answer: Response) {
    let mut read = 0;
    while read < MAX_DRAINED_BYTES
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        read += chunk.len();
    }
}

/// What an administrator is told of a failure. It says nothing of what stands behind the address, so that nobody can scan
/// a network with webhooks.
fn failure_reason(cause: &reqwest::Error) -> &'static str {
    let mut inner = cause.source();
    while let Some(error) = inner {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
            return ADDRESS_NOT_ALLOWED;
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
        let client = WebhookClient::new(EgressPolicy::Public).unwrap().client;
        assert_eq!(failure_reason(&client.post(url).send().await.unwrap_err()), ADDRESS_NOT_ALLOWED);
        let knock = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(knock.is_err(), "it was connected to");
    }
}
