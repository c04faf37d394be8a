//! One operation through each of the doors, and what came of it in words that are the same for all of them.

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::operations::Operation;
use super::scene::{Caller, People, Scene, Who};
use super::stomp::Stomp;
use crate::sockets::GraphqlSocket;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Rest,
    Graphql,
    Stomp,
    /// A subscription of GraphQL over its WebSocket, and over events of HTTP.
    Socket,
    Events,
}

pub const DOORS: [Door; 5] = [Door::Rest, Door::Graphql, Door::Stomp, Door::Socket, Door::Events];

/// What came of it: `OK` or the code of the refusal, its sentence, and all that was said.
#[derive(Debug, Clone)]
pub struct Came {
    pub code: String,
    pub sentence: String,
    pub text: String,
}

impl Came {
    fn new(code: Option<&str>, sentence: Option<&str>, text: String) -> Self {
        Self { code: code.unwrap_or("OK").to_owned(), sentence: sentence.unwrap_or_default().to_owned(), text }
    }

    fn unauthenticated(text: String) -> Self {
        Self::new(Some("UNAUTHENTICATED"), None, text)
    }
}

impl Door {
    /// What the operation is at this door; nothing where the door does not have it.
    fn template(self, operation: &Operation) -> &'static str {
        match self {
            Door::Rest => operation.rest,
            Door::Graphql if !operation.is_subscription() => operation.graphql,
            Door::Socket | Door::Events if operation.is_subscription() => operation.graphql,
            Door::Stomp => operation.stomp,
            _ => "",
        }
    }

    pub fn has(self, operation: &Operation) -> bool {
        !self.template(operation).is_empty()
    }

    /// Goes through it as `who`.
    pub async fn pass(
        self,
        address: SocketAddr,
        people: &People,
        operation: &Operation,
        scene: &Scene,
        who: Who,
    ) -> Came {
        let caller = people.caller(who);
        let template = self.template(operation);
        match self {
            Door::Rest => rest(people, address, caller, &people.fill(template, scene, who)).await,
            Door::Graphql => graphql(people, address, caller, template, people.variables(scene, who), false).await,
            Door::Events => graphql(people, address, caller, template, people.variables(scene, who), true).await,
            Door::Socket => socket(address, caller, template, people.variables(scene, who)).await,
            Door::Stomp => stomp(address, caller, &people.fill(template, scene, who)).await,
        }
    }
}

/// `METHOD /path`, and a body behind another space.
async fn rest(people: &People, address: SocketAddr, caller: Option<&Caller>, line: &str) -> Came {
    let mut parts = line.splitn(3, ' ');
    let method: Method = parts.next().and_then(|method| method.parse().ok()).expect("a method");
    let url = format!("http://{address}/api/chat{}", parts.next().expect("a path"));
    let mut request = people.http.request(method, url);
    if let Some(body) = parts.next() {
        request = request.header("content-type", "application/json").body(body.to_owned());
    }
    if let Some(caller) = caller {
        request = request.bearer_auth(&caller.person.token);
    }
    let answer = request.send().await.expect("the server answers");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("the whole answer comes");
    let body: Json = serde_json::from_str(&text).unwrap_or(Json::Null);
    assert_eq!(status < 300, body["success"] == true, "{line}: {status} {text}");
    Came::new(body["code"].as_str(), body["error"].as_str(), text)
}

async fn graphql(
    people: &People,
    address: SocketAddr,
    caller: Option<&Caller>,
    query: &str,
    variables: Json,
    as_events: bool,
) -> Came {
    let mut request = people.http.post(format!("http://{address}/graphql"));
    if let Some(caller) = caller {
        request = request.bearer_auth(&caller.person.token);
    }
    if as_events {
        request = request.header("accept", "text/event-stream");
    }
    let request = request.json(&json!({ "query": query, "variables": variables }));
    let mut answer = request.send().await.expect("the server answers");
    if as_events && answer.status() == 200 {
        // The stream of a subscription that was accepted begins with a comment and goes on; a refusal is its first
        // event.
        let chunk = answer.chunk().await.expect("the stream is whole").unwrap_or_default();
        let text = String::from_utf8_lossy(&chunk).into_owned();
        let data = text.lines().find_map(|line| line.strip_prefix("data:")).unwrap_or_default();
        return refused(&serde_json::from_str(data).unwrap_or(Json::Null), text.clone());
    }
    let text = answer.text().await.expect("the whole answer comes");
    refused(&serde_json::from_str(&text).unwrap_or(Json::Null), text)
}

fn refused(response: &Json, text: String) -> Came {
    let error = response["errors"].get(0).unwrap_or(&Json::Null);
    Came::new(error["extensions"]["code"].as_str(), error["message"].as_str(), text)
}

async fn socket(address: SocketAddr, caller: Option<&Caller>, query: &str, variables: Json) -> Came {
    let Some(caller) = caller else {
        let mut socket = GraphqlSocket::open(address, "/graphql").await;
        socket.say(json!({ "type": "connection_init", "payload": {} })).await;
        let (code, reason) = socket.closed().await;
        assert_eq!(code, 4403);
        return Came::unauthenticated(reason);
    };
    let mut socket = caller.person.socket().await;
    socket.subscribe_loudly("1", query, variables).await;
    socket.say(json!({ "type": "ping" })).await;
    let answer = socket.hear().await;
    match answer["type"].as_str() {
        Some("error") => refused(&json!({ "errors": answer["payload"] }), answer.to_string()),
        _ => Came::new(None, None, answer.to_string()),
    }
}

/// `/destination`, and a body behind a space.
async fn stomp(address: SocketAddr, caller: Option<&Caller>, line: &str) -> Came {
    let Some(caller) = caller else {
        let refused = Stomp::connect(address, None).await.err();
        return Came::unauthenticated(refused.expect("nobody connects without a token"));
    };
    let mut session = caller.stomp.lock().await;
    if session.is_none() {
        let mut opened = Stomp::connect(address, Some(&caller.person.token)).await.expect("a session");
        opened.listen(&["errors"]).await;
        *session = Some(opened);
    }
    let (destination, body) = line.split_once(' ').expect("a destination and a body");
    match session.as_mut().expect("it was opened").send(destination, body).await {
        Some(refused) => Came::new(Some(&refused.code), Some(&refused.sentence), format!("{refused:?}")),
        None => Came::new(None, None, String::new()),
    }
}
