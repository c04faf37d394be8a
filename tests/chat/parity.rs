//! The doors agree: for each endpoint there is one GraphQL document under `documents/`, and both answer the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::Server;
use crate::uploads;

/// An endpoint and its document. Braces name what a [`Twin`] knows.
struct Pair {
    /// As the endpoint table has it.
    endpoint: &'static str,
    path: &'static str,
    /// Nothing: no body.
    body: &'static str,
    document: &'static str,
    variables: &'static str,
    /// Where in GraphQL's data the counterpart of the envelope's data stands.
    at: &'static str,
}

const fn pair(
    endpoint: &'static str,
    path: &'static str,
    body: &'static str,
    document: &'static str,
    variables: &'static str,
    at: &'static str,
) -> Pair {
    Pair { endpoint, path, body, document, variables, at }
}

/// What is only read is read of the same things.
const READS: [Pair; 18] = [
    pair(
        "GET /conversations",
        "/conversations?archived=false&limit=10",
        "",
        "conversations",
        r#"{"archived":false,"first":10}"#,
        "/conversations",
    ),
    pair("GET /conversations/pinned", "/conversations/pinned", "", "pinned_conversations", "{}", "/conversations"),
    pair(
        "GET /conversations/search",
        "/conversations/search?query=twin",
        "",
        "search_conversations",
        r#"{"query":"twin"}"#,
        "/conversations",
    ),
    pair("GET /conversations/unread", "/conversations/unread", "", "unread", "{}", "/unread"),
    pair("GET /conversations/{id}", "/conversations/<group>", "", "conversation", r#"{"id":<group>}"#, "/conversation"),
    pair(
        "GET /conversations/{id}/participants",
        "/conversations/<group>/participants",
        "",
        "participants",
        r#"{"id":<group>}"#,
        "/conversation/participantsPage",
    ),
    pair(
        "GET /conversations/{id}/messages",
        "/conversations/<group>/messages",
        "",
        "messages",
        r#"{"id":<group>}"#,
        "/conversation/messages",
    ),
    pair(
        "GET /conversations/{id}/messages",
        "/conversations/<group>/messages?limit=2",
        "",
        "messages",
        r#"{"id":<group>,"last":2}"#,
        "/conversation/messages",
    ),
    pair(
        "GET /conversations/{id}/messages/search",
        "/conversations/<group>/messages/search?query=rep",
        "",
        "search_messages",
        r#"{"id":<group>,"query":"rep"}"#,
        "/searchMessages",
    ),
    pair(
        "GET /messages/{id}/thread",
        "/messages/<message>/thread",
        "",
        "thread",
        r#"{"id":<message>}"#,
        "/message/replies",
    ),
    pair(
        "GET /messages/{id}/read-receipts",
        "/messages/<message>/read-receipts",
        "",
        "read_receipts",
        r#"{"id":<message>}"#,
        "/message/readReceipts",
    ),
    pair(
        "GET /messages/{id}/reactions",
        "/messages/<message>/reactions",
        "",
        "reactions",
        r#"{"id":<message>}"#,
        "/message/reactions",
    ),
    pair(
        "GET /messages/{id}/reactions/summary",
        "/messages/<message>/reactions/summary",
        "",
        "reaction_summary",
        r#"{"id":<message>}"#,
        "/message/reactionSummary",
    ),
    pair("GET /presence", "/presence", "", "online_users", "{}", "/onlineUsers"),
    pair("GET /presence/{userId}", "/presence/<bob>", "", "presence", r#"{"userIds":[<bob>]}"#, "/presence/0"),
    pair(
        "POST /presence/users",
        "/presence/users",
        r#"{"userIds":[<bob>,<alice>]}"#,
        "presence",
        r#"{"userIds":[<bob>,<alice>]}"#,
        "/presence",
    ),
    // Repeated, these change nothing any more.
    pair(
        "POST /conversations/direct/{userId}",
        "/conversations/direct/<bob>",
        "",
        "open_direct",
        r#"{"userId":<bob>}"#,
        "/openDirect",
    ),
    pair("DELETE /messages/{id}", "/messages/<deleted>", "", "delete_message", r#"{"id":<deleted>}"#, "/deleteMessage"),
];

/// What changes something is done by REST to one twin and by GraphQL to the other, in this order.
const CHANGES: [Pair; 18] = [
    pair(
        "POST /conversations/{id}/messages",
        "/conversations/<group>/messages",
        r#"{"content":"Also","parentMessageId":<message>,"tempId":"p","metadata":{"b":1,"a":[2]}}"#,
        "send_message",
        r#"{"input":{"conversationId":<group>,"content":"Also","parentMessageId":<message>,"tempId":"p","metadata":{"b":1,"a":[2]}}}"#,
        "/sendMessage",
    ),
    pair(
        "PUT /messages/{id}",
        "/messages/<message>",
        r#"{"content":"<b>New</b> & 1 < 2"}"#,
        "edit_message",
        r#"{"id":<message>,"content":"<b>New</b> & 1 < 2"}"#,
        "/editMessage",
    ),
    pair(
        "POST /messages/{id}/reactions",
        "/messages/<message>/reactions",
        r#"{"emoji":"🎉"}"#,
        "add_reaction",
        r#"{"id":<message>,"emoji":"🎉"}"#,
        "/addReaction",
    ),
    pair(
        "POST /messages/{id}/reactions/toggle",
        "/messages/<message>/reactions/toggle",
        r#"{"emoji":"👍"}"#,
        "toggle_reaction",
        r#"{"id":<message>,"emoji":"👍"}"#,
        "/toggleReaction",
    ),
    pair(
        "DELETE /messages/{id}/reactions/{emoji}",
        "/messages/<message>/reactions/🎉",
        "",
        "remove_reaction",
        r#"{"id":<message>,"emoji":"🎉"}"#,
        "/removeReaction",
    ),
    pair(
        "POST /conversations/{id}/read",
        "/conversations/<group>/read",
        r#"{"lastReadMessageId":<reply>}"#,
        "mark_read",
        r#"{"id":<group>,"lastReadMessageId":<reply>}"#,
        "/markRead",
    ),
    pair(
        "POST /conversations/{id}/read",
        "/conversations/<group>/read",
        "",
        "mark_read",
        r#"{"id":<group>}"#,
        "/markRead",
    ),
    pair("DELETE /messages/{id}", "/messages/<message>", "", "delete_message", r#"{"id":<message>}"#, "/deleteMessage"),
    pair(
        "POST /conversations/{id}/participants",
        "/conversations/<group>/participants",
        r#"{"userIds":[<dave>]}"#,
        "add_participants",
        r#"{"id":<group>,"userIds":[<dave>]}"#,
        "/addParticipants",
    ),
    pair(
        "DELETE /conversations/{id}/participants/{userId}",
        "/conversations/<group>/participants/<dave>",
        "",
        "remove_participant",
        r#"{"id":<group>,"userId":<dave>}"#,
        "/removeParticipant",
    ),
    pair(
        "PUT /conversations/{id}",
        "/conversations/<group>",
        r#"{"name":"Renamed","allowedFileTypes":["image/*"],"allowReplies":false}"#,
        "update_conversation",
        r#"{"id":<group>,"input":{"name":"Renamed","allowedFileTypes":["image/*"],"allowReplies":false}}"#,
        "/updateConversation",
    ),
    pair(
        "PUT /conversations/{id}/mute",
        "/conversations/<group>/mute",
        "",
        "set_muted",
        r#"{"id":<group>,"muted":true}"#,
        "/setMuted",
    ),
    pair(
        "PUT /conversations/{id}/pin",
        "/conversations/<group>/pin?pinned=true",
        "",
        "set_pinned",
        r#"{"id":<group>,"pinned":true}"#,
        "/setPinned",
    ),
    pair(
        "PUT /conversations/{id}/archive",
        "/conversations/<group>/archive",
        "",
        "set_archived",
        r#"{"id":<group>,"archived":true}"#,
        "/setArchived",
    ),
    pair(
        "POST /conversations",
        "/conversations",
        r#"{"name":"New","description":"What","participantIds":[<bob>,<bob>],"allowReactions":false,"maxFileSizeMb":3}"#,
        "create_group",
        r#"{"input":{"name":"New","description":"What","participantIds":[<bob>,<bob>],"allowReactions":false,"maxFileSizeMb":3}}"#,
        "/createGroup",
    ),
    pair(
        "PUT /presence/status",
        "/presence/status",
        r#"{"status":"DND","statusMessage":"Busy"}"#,
        "set_presence",
        r#"{"status":"DND","statusMessage":"Busy"}"#,
        "/setPresence",
    ),
    pair(
        "DELETE /conversations/{id}",
        "/conversations/<group>",
        "",
        "leave_conversation",
        r#"{"id":<group>}"#,
        "/leaveConversation",
    ),
    pair("GET /conversations/{id}", "/conversations/<other>", "", "conversation", r#"{"id":<other>}"#, "/conversation"),
];

/// Two of these are alike but for their ids.
struct Twin(Vec<(&'static str, i64)>);

impl Twin {
    async fn new(alice: &Person, bob: &Person, dave: &Person) -> Self {
        let group = alice.group("Twin", &[bob]).await;
        let other = bob.group("Other twin", &[alice]).await;
        let message = alice.send(group, "Hello").await;
        let path = format!("/conversations/{group}/messages");
        let reply = bob.post(&path, json!({ "content": "A reply", "parentMessageId": message })).await.ok();
        let deleted = bob.send(group, "Gone").await;
        bob.delete(&format!("/messages/{deleted}")).await.ok();
        bob.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "👍" })).await.ok();
        alice.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "❤️" })).await.ok();
        bob.post_nothing(&format!("/conversations/{group}/read")).await.ok();
        alice.direct(bob).await;
        let reply = reply["id"].as_i64().expect("an id");
        Self(vec![
            ("group", group),
            ("other", other),
            ("message", message),
            ("reply", reply),
            ("deleted", deleted),
            ("alice", alice.id),
            ("bob", bob.id),
            ("dave", dave.id),
        ])
    }

    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("<{name}>"), &id.to_string()))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chat/documents")
}

/// A document with the fragments that it spreads, and those that they spread.
fn document(name: &str) -> String {
    let read =
        |path: PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
    let mut text = read(folder().join(format!("{name}.graphql")));
    let mut opened = BTreeSet::new();
    while let Some(fragment) = spreads(&text).into_iter().find(|spread| !opened.contains(spread)) {
        text.push_str(&read(folder().join(format!("fragments/{fragment}.graphql"))));
        opened.insert(fragment);
    }
    text
}

fn spreads(text: &str) -> Vec<String> {
    let names = text.split("...").skip(1).filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

async fn by_rest(person: &Person, twin: &Twin, pair: &Pair) -> Json {
    let method: Method = pair.endpoint.split(' ').next().unwrap().parse().expect("a method");
    let mut request = person.request(method, &format!("/api/chat{}", twin.fill(pair.path)));
    if !pair.body.is_empty() {
        request = request.header("content-type", "application/json").body(twin.fill(pair.body));
    }
    person.fetch(request).await.ok()
}

async fn by_graphql(person: &Person, twin: &Twin, pair: &Pair) -> Json {
    let variables = serde_json::from_str(&twin.fill(pair.variables)).expect("variables");
    let data = person.gql_ok(&document(pair.document), variables).await;
    data.pointer(pair.at).unwrap_or_else(|| panic!("{}: {data}", pair.document)).clone()
}

/// GraphQL's way of saying things in REST's words: connections are lists, counts are maps, an absent `tempId` is left
/// out, what has nothing to tell is null. Ids stay strings: [`ids_as_text`] does the rest.
fn in_rests_words(value: Json) -> Json {
    match value {
        Json::Object(mut fields) if fields.contains_key("nodes") => in_rests_words(fields["nodes"].take()),
        Json::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, value)| name != "tempId" || !value.is_null());
            kept.map(|(name, value)| (name, in_rests_words(value))).collect::<serde_json::Map<_, _>>().into()
        }
        Json::Array(items) if !items.is_empty() && items.iter().all(|item| item.get("count").is_some()) => {
            let counts =
                items.into_iter().map(|item| (item["emoji"].as_str().unwrap().to_owned(), item["count"].clone()));
            counts.collect::<serde_json::Map<_, _>>().into()
        }
        Json::Array(items) => items.into_iter().map(in_rests_words).collect::<Vec<_>>().into(),
        Json::Bool(true) => Json::Bool(true),
        other => other,
    }
}

/// Ids as text. Between twins, ids and times differ and are left out.
fn comparable(value: Json, twins: bool) -> Json {
    match value {
        Json::Object(fields) => {
            let fields = fields.into_iter().filter_map(|(name, value)| {
                let (is_id, is_time) = (name == "id" || name.ends_with("Id"), name.ends_with("At"));
                let is_own = matches!(name.as_str(), "userId" | "senderId" | "createdById");
                let value = match value {
                    _ if twins && ((is_id && !is_own) || is_time) => return None,
                    // An empty summary is an empty map here and an empty list there.
                    Json::Array(items) if name == "reactionSummary" && items.is_empty() => json!({}),
                    Json::Number(id) if is_id => Json::String(id.to_string()),
                    other => comparable(other, twins),
                };
                Some((name, value))
            });
            fields.collect::<serde_json::Map<_, _>>().into()
        }
        Json::Array(items) => items.into_iter().map(|item| comparable(item, twins)).collect::<Vec<_>>().into(),
        other => other,
    }
}

async fn people() -> (Server, Person, Person, Person) {
    let server = Server::start().await;
    let (alice, bob, dave) = (server.person("Alice").await, server.person("Bob").await, server.person("Dave").await);
    for person in [&alice, &bob] {
        person.put("/presence/status", json!({ "status": "AWAY", "statusMessage": "Lunch" })).await.ok();
    }
    (server, alice, bob, dave)
}

#[tokio::test]
async fn what_is_read_is_the_same_through_both_doors() {
    let (_server, alice, bob, dave) = people().await;
    let twin = Twin::new(&alice, &bob, &dave).await;
    alice.put(&format!("/conversations/{}/pin", twin.0[1].1), json!(null)).await;
    for pair in &READS {
        let rest = comparable(by_rest(&alice, &twin, pair).await, false);
        let graphql = comparable(in_rests_words(by_graphql(&alice, &twin, pair).await), false);
        assert_eq!(graphql, rest, "{} and {}", pair.endpoint, pair.document);
        assert_ne!(rest, json!([]), "{} shows nothing", pair.endpoint);
    }
}

#[tokio::test]
async fn what_is_changed_comes_to_the_same_through_both_doors() {
    let (_server, alice, bob, dave) = people().await;
    let (first, second) = (Twin::new(&alice, &bob, &dave).await, Twin::new(&alice, &bob, &dave).await);
    for pair in &CHANGES {
        let rest = comparable(by_rest(&alice, &first, pair).await, true);
        let graphql = by_graphql(&alice, &second, pair).await;
        // What has nothing to tell is null in REST, and true in GraphQL, whose fields must have a type.
        let graphql = if graphql == json!(true) { json!(null) } else { comparable(in_rests_words(graphql), true) };
        assert_eq!(graphql, rest, "{} and {}", pair.endpoint, pair.document);
    }
}

/// What GraphQL calls an event, in the words of REST.
fn in_rests_name(kind: &Json) -> String {
    kind.as_str().expect("a type").to_lowercase().replacen('_', ".", 1)
}

#[tokio::test]
async fn the_log_is_the_same_through_both_doors() {
    let (_server, alice, bob, dave) = people().await;
    let twin = Twin::new(&alice, &bob, &dave).await;
    let group = twin.0[0].1;
    alice.put(&format!("/conversations/{group}/mute"), json!(null)).await;
    alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": [dave.id] })).await.ok();
    let head = alice.get("/events").await;
    let next = head.body["page"]["next"].as_str().expect("a cursor");
    let start = format!("{}.0", next.split('.').next().unwrap());
    let rest = alice.get(&format!("/events?after={start}&limit=100")).await;
    let graphql = alice.gql_ok(&document("events"), json!({ "after": start })).await["sync"].take();
    assert_eq!(graphql["cursor"], rest.body["page"]["next"]);
    assert_eq!(graphql["hasMore"], rest.body["page"]["hasMore"]);
    let told = |mut event: Json| {
        let data = ["message", "reaction", "receipt"].into_iter().find_map(|name| event.get(name).cloned());
        let data = data.or_else(|| event.pointer("/change/conversation").cloned()).unwrap_or_else(
            || json!({ "conversationId": event["conversationId"].take(), "participant": event["participant"].take() }),
        );
        json!({ "cursor": event["cursor"].take(), "type": in_rests_name(&event["type"]), "data": in_rests_words(data) })
    };
    let graphql: Vec<Json> = graphql["events"].as_array().expect("a list").iter().cloned().map(told).collect();
    assert!(graphql.len() >= 12, "{graphql:?}");
    assert_eq!(comparable(graphql.into(), false), comparable(rest.ok(), false));
}

#[tokio::test]
async fn both_doors_tell_the_same_of_files() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let group = alice.group("Files", &[]).await;
    let file = uploads::id(&alice.upload("note.txt", "text/plain", b"some words").await);
    alice.send_files(group, &[file]).await;
    let list = alice.get(&format!("/conversations/{group}/attachments")).await.ok();
    let data = alice.gql_ok(&document("attachments"), json!({ "id": group })).await;
    let graphql = in_rests_words(data["conversation"]["attachments"].clone());
    assert_eq!(unsigned(comparable(graphql, false)), unsigned(comparable(list, false)));
    let one = alice.get_any(&format!("/api/files/{file}")).await.ok();
    let data = alice.gql_ok(&document("file"), json!({ "id": file })).await;
    let graphql = in_rests_words(data["file"].clone());
    assert_eq!(unsigned(comparable(graphql, false)), unsigned(comparable(one, false)));
}

/// Without what a signature makes different from second to second.
fn unsigned(value: Json) -> Json {
    match value {
        Json::String(text) if text.contains("?expires=") => text.split('?').next().unwrap_or_default().into(),
        Json::Array(items) => items.into_iter().map(unsigned).collect(),
        Json::Object(fields) => fields.into_iter().map(|(name, value)| (name, unsigned(value))).collect(),
        other => other,
    }
}

/// Endpoints of bytes, which GraphQL leaves to REST.
const BYTES: [&str; 2] = ["GET /api/files/{id}/content", "GET /api/files/{id}/thumbnail"];

#[test]
fn every_endpoint_of_the_table_has_its_document() {
    let table =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api/rest/mod.rs")).expect("the table");
    let apart = ["GET /events", "GET /conversations/{id}/attachments", "GET /api/files/{id}"];
    let mut endpoints: BTreeSet<String> = apart.iter().chain(&BYTES).map(|endpoint| (*endpoint).to_owned()).collect();
    endpoints.extend(READS.iter().chain(&CHANGES).map(|pair| pair.endpoint.to_owned()));
    let mut missing = Vec::new();
    for line in table.split(".route(\"").skip(1) {
        let (path, handlers) = line.split_once('"').expect("a path");
        let handlers = handlers.split(';').next().unwrap_or_default();
        for method in ["get", "post", "put", "delete"] {
            let is_there = handlers.contains(&format!(" {method}(")) || handlers.contains(&format!(".{method}("));
            let endpoint = format!("{} {path}", method.to_uppercase());
            if is_there && !endpoints.contains(&endpoint) {
                missing.push(endpoint);
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
