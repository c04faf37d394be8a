//! Somebody who uses the server, through any door.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value as Json, json};

use crate::sockets::GraphqlSocket;

/// How long a server may say nothing at all. None of them is that slow: it is for one that has forgotten somebody.
const SILENCE: Duration = Duration::from_secs(120);

/// Somebody with a token.
#[derive(Clone)]
pub struct Person {
    pub id: i64,
    pub name: String,
    pub token: String,
    pub address: SocketAddr,
    http: reqwest::Client,
}

/// What came back over HTTP.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    /// Null where the body is no JSON.
    pub body: Json,
}

impl Answer {
    /// The data of the envelope.
    pub fn data(&self) -> &Json {
        &self.body["data"]
    }

    /// The data of a success; panics with the whole answer otherwise.
    pub fn ok(self) -> Json {
        assert!(self.status < 300, "{} {}", self.status, self.text);
        self.body["data"].clone()
    }

    /// Asserts the status, the code and the sentence of a failure, in the envelope of the protocol.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str, sentence: &str) {
        let envelope = json!({ "success": false, "error": sentence, "data": null, "code": code });
        assert_eq!((self.status, &self.body), (status, &envelope), "{}", self.text);
    }

    /// Asserts the status and the code of a failure, whatever its sentence.
    #[track_caller]
    pub fn refused_with(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!((&self.body["success"], &self.body["data"]), (&json!(false), &Json::Null), "{}", self.text);
        let sentence = self.body["error"].as_str().unwrap_or_default();
        assert!(!sentence.is_empty() && !sentence.ends_with('.'), "{}", self.text);
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Person {
    pub fn new(address: SocketAddr, id: i64, name: &str, token: &str) -> Self {
        let http = reqwest::Client::builder().read_timeout(SILENCE).build().expect("a client");
        Self { id, name: name.to_owned(), token: token.to_owned(), address, http }
    }

    /// The same person at another address, where the server may be after a restart.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// A request to any path of the server, with the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address)).bearer_auth(&self.token)
    }

    /// Sends a request and reads the whole answer.
    pub async fn fetch(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.expect("the server answers");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.expect("the whole answer comes");
        let body = serde_json::from_str(&text).unwrap_or(Json::Null);
        Answer { status, headers, text, body }
    }

    /// GET under `/api/chat`.
    pub async fn get(&self, path: &str) -> Answer {
        self.fetch(self.request(Method::GET, &format!("/api/chat{path}"))).await
    }

    /// POST of JSON under `/api/chat`.
    pub async fn post(&self, path: &str, body: Json) -> Answer {
        self.fetch(self.request(Method::POST, &format!("/api/chat{path}")).json(&body)).await
    }

    /// POST without a body under `/api/chat`.
    pub async fn post_nothing(&self, path: &str) -> Answer {
        self.fetch(self.request(Method::POST, &format!("/api/chat{path}"))).await
    }

    /// POST of raw text declared as JSON under `/api/chat`.
    pub async fn post_text(&self, path: &str, body: &str) -> Answer {
        let request =
            self.request(Method::POST, &format!("/api/chat{path}")).header("content-type", "application/json");
        self.fetch(request.body(body.to_owned())).await
    }

    /// PUT of JSON under `/api/chat`.
    pub async fn put(&self, path: &str, body: Json) -> Answer {
        self.fetch(self.request(Method::PUT, &format!("/api/chat{path}")).json(&body)).await
    }

    /// DELETE under `/api/chat`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.fetch(self.request(Method::DELETE, &format!("/api/chat{path}"))).await
    }

    /// A GraphQL operation over HTTP: the whole response.
    pub async fn gql(&self, query: &str, variables: Json) -> Json {
        self.gql_answer(query, variables).await.body
    }

    /// A GraphQL operation over HTTP, with its status and headers.
    pub async fn gql_answer(&self, query: &str, variables: Json) -> Answer {
        let body = json!({ "query": query, "variables": variables });
        // As a client of today that knows the status of GraphQL.
        let accept = "application/graphql-response+json, application/json;q=0.9";
        self.fetch(self.request(Method::POST, "/graphql").header("accept", accept).json(&body)).await
    }

    /// The data of a GraphQL operation that must succeed.
    #[track_caller]
    pub fn gql_ok(&self, query: &str, variables: Json) -> impl Future<Output = Json> {
        let (person, query) = (self.clone(), query.to_owned());
        async move {
            let response = person.gql(&query, variables).await;
            assert!(response.get("errors").is_none(), "{response}");
            response["data"].clone()
        }
    }

    /// The code and the sentence of the first error of a GraphQL operation.
    pub async fn gql_refused(&self, query: &str, variables: Json) -> (String, String) {
        let response = self.gql(query, variables).await;
        let error = &response["errors"][0];
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        (text(&error["extensions"]["code"]), text(&error["message"]))
    }

    /// A `graphql-transport-ws` connection that was acknowledged.
    pub async fn socket(&self) -> GraphqlSocket {
        let mut socket = GraphqlSocket::open(self.address, "/graphql").await;
        socket
            .say(json!({ "type": "connection_init", "payload": { "Authorization": format!("Bearer {}", self.token) } }))
            .await;
        assert_eq!(socket.hear().await["type"], "connection_ack");
        socket
    }

    /// A connection with one subscription, which has started.
    pub async fn subscribe(&self, query: &str) -> GraphqlSocket {
        let mut socket = self.socket().await;
        socket.subscribe("1", query, json!({})).await;
        socket
    }

    /// A group of these people, owned by this person.
    pub async fn group(&self, name: &str, others: &[&Person]) -> i64 {
        let ids: Vec<i64> = others.iter().map(|person| person.id).collect();
        let group = self.post("/conversations", json!({ "name": name, "participantIds": ids })).await.ok();
        group["id"].as_i64().expect("an id")
    }

    /// The direct conversation with somebody.
    pub async fn direct(&self, other: &Person) -> i64 {
        let direct = self.post_nothing(&format!("/conversations/direct/{}", other.id)).await.ok();
        direct["id"].as_i64().expect("an id")
    }

    /// Sends a message by REST; its id.
    pub async fn send(&self, conversation: i64, content: &str) -> i64 {
        let path = format!("/conversations/{conversation}/messages");
        let message = self.post(&path, json!({ "content": content })).await.ok();
        message["id"].as_i64().expect("an id")
    }
}
