//! The references that the server gives of itself: complete, true to its addresses, and public.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value as Json;

use crate::server::Server;

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

async fn document(server: &Server, name: &str) -> Json {
    let answer = reqwest::get(server.url(&format!("/api/{name}"))).await.expect("an answer");
    assert_eq!(answer.status(), 200, "{name} needs no token");
    assert_eq!(answer.headers()["content-type"], "application/json");
    answer.json().await.expect("JSON")
}

/// The operations of the document: address, method and what is said of it.
fn operations(document: &Json) -> Vec<(&str, &str, &Json)> {
    let paths = document["paths"].as_object().expect("paths").iter();
    let all = paths.flat_map(|(path, item)| METHODS.map(|method| (path.as_str(), method, &item[method])));
    all.filter(|(_, _, operation)| operation.is_object()).collect()
}

/// Every reference in a document.
fn references<'d>(value: &'d Json, found: &mut BTreeSet<&'d str>) {
    match value {
        Json::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Json::as_str));
            fields.values().for_each(|field| references(field, found));
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn each_address_takes_the_methods_that_its_reference_names_and_no_others() {
    let server = Server::start().await;
    let document = document(&server, "openapi.json").await;
    let mut described = BTreeMap::<&str, BTreeSet<String>>::new();
    for (path, method, _) in operations(&document) {
        described.entry(path).or_default().insert(method.to_uppercase());
    }
    assert!(described.len() > 30, "{described:?}");
    for (path, mut methods) in described {
        let address = path.replace("{emoji}", "x").replace("{id}", "1").replace("{userId}", "1");
        let asked =
            reqwest::Client::new().request(Method::PATCH, server.url(&address)).send().await.expect("an answer");
        assert_eq!(asked.status(), 405, "{path} takes no PATCH");
        let allowed =
            asked.headers()["allow"].to_str().expect("text").split(',').map(|method| method.trim().to_owned());
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        assert_eq!(allowed.collect::<BTreeSet<_>>(), methods, "{path}");
    }
}

#[tokio::test]
async fn an_endpoint_has_a_name_of_its_own_and_says_who_may_call() {
    let server = Server::start().await;
    let document = document(&server, "openapi.json").await;
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let name = operation["operationId"].as_str().expect("a name");
        assert!(names.insert(name), "{name} is the name of two endpoints");
        assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{name} says what it is");
        let address = path.replace("{emoji}", "x").replace("{id}", "1").replace("{userId}", "1");
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
        let status =
            reqwest::Client::new().request(method, server.url(&address)).send().await.expect("an answer").status();
        let is_public =
            operation["security"].as_array().is_some_and(|ways| ways.is_empty() || ways[0] == serde_json::json!({}));
        // Links are signed: without a signature, such an address wants a token as well.
        let wants_token = !is_public || path.starts_with("/api/files");
        assert_eq!(status == 401, wants_token, "{name} without a token: {status}");
    }
}

#[tokio::test]
async fn whatever_a_reference_leads_to_is_there_and_everything_that_is_there_is_led_to() {
    let server = Server::start().await;
    for name in ["openapi.json", "asyncapi.json"] {
        let document = document(&server, name).await;
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            let place = reference.trim_start_matches('#');
            assert!(document.pointer(place).is_some(), "{name}: {reference} leads nowhere");
        }
        for (schema, _) in document["components"]["schemas"].as_object().expect("schemas") {
            let reference = format!("#/components/schemas/{schema}");
            assert!(found.contains(reference.as_str()), "{name}: nothing leads to {schema}");
        }
    }
}

#[tokio::test]
async fn the_documents_name_the_address_and_the_limits_of_this_server() {
    let server = Server::start_with(|config| {
        config.server.public_url = Some("https://chat.example.org/talk".to_owned());
        config.chat.max_message_length = 321;
    })
    .await;
    let rest = document(&server, "openapi.json").await;
    assert_eq!(rest["servers"][0]["url"], "https://chat.example.org/talk");
    let stomp = document(&server, "asyncapi.json").await;
    let chat = &stomp["servers"]["chat"];
    assert_eq!((&chat["host"], &chat["protocol"]), (&"chat.example.org".into(), &"wss".into()));
    assert_eq!(chat["pathname"], "/talk/ws/chat");
    for document in [rest, stomp] {
        let content = &document["components"]["schemas"]["SendMessageRequest"]["properties"]["content"];
        assert_eq!(content["maxLength"], 321);
    }
}

#[tokio::test]
async fn a_browser_gets_the_page_of_the_references_from_this_server_alone() {
    let server = Server::start().await;
    let answer = reqwest::get(server.url("/api/docs")).await.expect("an answer");
    let policy = answer.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = answer.text().await.expect("text");
    let files: Vec<&str> = page.split('"').filter(|text| text.starts_with("docs/")).collect();
    assert_eq!(files.len(), 4, "{page}");
    for file in files {
        let answer = reqwest::get(server.url(&format!("/api/{file}"))).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{file}");
        assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable", "{file}");
    }
    let missing = reqwest::get(server.url("/api/docs/..%2fmod.rs")).await.expect("an answer");
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn the_references_can_be_switched_off() {
    let server = Server::start_with(|config| config.server.reference = false).await;
    for address in ["/api/openapi.json", "/api/asyncapi.json", "/api/docs", "/api/docs/page.js"] {
        let answer = reqwest::get(server.url(address)).await.expect("an answer");
        assert_eq!(answer.status(), 404, "{address}");
    }
}
