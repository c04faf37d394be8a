//! Forms with files, byte for byte as a browser would send them, or as it never would.

use reqwest::Method;
use serde_json::Value as Json;

use crate::person::{Answer, Person};

const BOUNDARY: &str = "a-boundary-of-tests";

/// A part of a form, with whatever head.
pub fn part(head: &str, bytes: &[u8]) -> Vec<u8> {
    [format!("--{BOUNDARY}\r\n{head}\r\n\r\n").as_bytes(), bytes, b"\r\n"].concat()
}

/// The part `file`.
pub fn file(name: &str, kind: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}");
    part(&head, bytes)
}

/// The part `conversationId`.
pub fn of(conversation: i64) -> Vec<u8> {
    part("Content-Disposition: form-data; name=\"conversationId\"", conversation.to_string().as_bytes())
}

pub fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), format!("--{BOUNDARY}--\r\n").into_bytes()].concat()
}

impl Person {
    /// POST of raw bytes as a form to `/api/files`.
    pub async fn post_form(&self, body: impl Into<reqwest::Body>) -> Answer {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.fetch(self.request(Method::POST, "/api/files").header("content-type", kind).body(body)).await
    }

    /// Uploads a file; what is known of it.
    pub async fn upload(&self, name: &str, kind: &str, bytes: &[u8]) -> Json {
        let answer = self.post_form(form(&[file(name, kind, bytes)])).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.ok()
    }

    /// GET of any path of the server.
    pub async fn get_any(&self, path: &str) -> Answer {
        self.fetch(self.request(Method::GET, path)).await
    }

    /// GET of any path with headers: the status, the headers and the bytes.
    pub async fn get_bytes(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        let request = headers
            .iter()
            .fold(self.request(Method::GET, path), |request, (name, value)| request.header(*name, *value));
        Got::of(request).await
    }

    /// Sends a message with files; its id.
    pub async fn send_files(&self, conversation: i64, files: &[i64]) -> i64 {
        let path = format!("/conversations/{conversation}/messages");
        let message = self.post(&path, serde_json::json!({ "attachmentIds": files })).await.ok();
        message["id"].as_i64().expect("an id")
    }
}

/// Bytes that came back.
pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Got {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.expect("the server answers");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self { status, headers, bytes: answer.bytes().await.expect("all bytes come").to_vec() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A file's id.
pub fn id(file: &Json) -> i64 {
    file["id"].as_i64().expect("an id")
}
