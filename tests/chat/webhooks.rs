//! Webhooks: what is told, in which form and order, and that nothing is lost whatever fails.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use confab::config::{Config, WebhookEndpoint};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::person::Person;
use crate::receiver::{Receiver, Reply};
use crate::server::{SECRET, Server};

const CREATE: &str = "mutation($url: String!, $events: [String!]) {
    createWebhookEndpoint(input: { url: $url, events: $events }) { id secret url events enabled } }";
const DELIVERIES: &str = "query($endpoint: ID, $state: WebhookDeliveryState) {
    webhookDeliveries(endpointId: $endpoint, state: $state, first: 100) {
        edges { node { id webhookId eventType state attempts lastStatus lastError nextAttemptAt deliveredAt createdAt } }
        pageInfo { hasNextPage } } }";

/// A server whose webhooks may go to receivers of tests, with these pauses between attempts.
async fn server(pauses: &[u64]) -> Server {
    let pauses = pauses.to_vec();
    Server::start_with(move |config| allow(config, pauses)).await
}

fn allow(config: &mut Config, pauses: Vec<u64>) {
    config.webhooks.allow_private_targets = true;
    config.webhooks.retry_seconds = pauses;
}

struct Endpoint {
    id: String,
    secret: String,
}

async fn endpoint(admin: &Person, url: &str, events: &[&str]) -> Endpoint {
    let made = admin.gql_ok(CREATE, json!({ "url": url, "events": events })).await;
    let made = &made["createWebhookEndpoint"];
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    Endpoint { id: text("id"), secret: text("secret") }
}

async fn deliveries(admin: &Person, endpoint: &Endpoint, state: Option<&str>) -> Vec<Json> {
    let page = admin.gql_ok(DELIVERIES, json!({ "endpoint": endpoint.id, "state": state })).await;
    let edges = page["webhookDeliveries"]["edges"].as_array().expect("a list").clone();
    edges.into_iter().map(|edge| edge["node"].clone()).collect()
}

/// Waits until there are so many deliveries in this state.
async fn wait_for(admin: &Person, endpoint: &Endpoint, state: &str, count: usize) -> Vec<Json> {
    let until = tokio::time::Instant::now() + Duration::from_secs(40);
    loop {
        let found = deliveries(admin, endpoint, Some(state)).await;
        if found.len() >= count {
            return found;
        }
        let all = deliveries(admin, endpoint, None).await;
        assert!(tokio::time::Instant::now() < until, "{} of {count} are {state}: {all:?}", found.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn contents(hooks: &[crate::receiver::Hook]) -> Vec<&str> {
    hooks.iter().filter_map(|hook| hook.data()["content"].as_str()).collect()
}

#[tokio::test]
async fn the_six_events_are_told_in_order_and_in_the_form_of_the_protocol() {
    let server = server(&[]).await;
    let (admin, alice, bob) =
        (server.administrator("Root").await, server.person("Alice").await, server.person("Bob").await);
    let receiver = Receiver::start().await;
    let to = endpoint(&admin, &receiver.url(), &[]).await;
    let team = alice.group("Team", &[]).await;
    alice.post(&format!("/conversations/{team}/participants"), json!({ "userIds": [bob.id] })).await.ok();
    let path = format!("/conversations/{team}/messages");
    let sent = alice.post(&path, json!({ "content": "Hello", "tempId": "mine", "metadata": { "a": [1] } })).await.ok();
    let edited = alice.put(&format!("/messages/{}", sent["id"]), json!({ "content": "Hello!" })).await.ok();
    alice.post(&format!("/messages/{}/reactions", sent["id"]), json!({ "emoji": "👍" })).await.ok();
    alice.delete(&format!("/messages/{}", sent["id"])).await.ok();
    alice.delete(&format!("/conversations/{team}/participants/{}", bob.id)).await.ok();
    let direct = alice.direct(&bob).await;

    let hooks = receiver.wait_for(7).await;
    let kinds: Vec<&str> = hooks.iter().map(|hook| hook.kind()).collect();
    let expected = [
        "chat_conversation.created",
        "chat_participant.added",
        "chat_message.sent",
        "chat_message.updated",
        "chat_message.deleted",
        "chat_participant.removed",
        "chat_conversation.created",
    ];
    assert_eq!(kinds, expected);
    for hook in &hooks {
        assert!(hook.is_signed_with(&to.secret) && !hook.signatures.contains(' '), "{hook:?}");
        assert_eq!(hook.body.as_object().map(|body| body.len()), Some(3), "{}", hook.text);
        let said =
            chrono::DateTime::parse_from_rfc3339(hook.body["timestamp"].as_str().expect("a time")).expect("a time");
        assert!((crate::now() - said.to_utc()).num_seconds() < 60);
        assert!((crate::server::now() - hook.timestamp.parse::<i64>().expect("seconds")).abs() < 60);
    }
    let ids: HashSet<&str> = hooks.iter().map(|hook| hook.id.as_str()).collect();
    assert_eq!(ids.len(), 7);

    // A conversation as nobody in particular sees it.
    let mut seen = alice.get(&format!("/conversations/{team}")).await.ok();
    let created = hooks[0].data();
    for own in ["unreadCount", "muted", "pinned", "archived"] {
        seen.as_object_mut().expect("an object").remove(own);
    }
    let names = |value: &Json| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(created), names(&seen));
    assert_eq!((&created["name"], &created["type"]), (&json!("Team"), &json!("GROUP")));
    assert_eq!(created["participants"][0]["userId"], json!(alice.id));
    assert_eq!(hooks[6].data()["id"], json!(direct));
    assert_eq!((&hooks[6].data()["name"], &hooks[6].data()["participantCount"]), (&Json::Null, &json!(2)));

    let added = hooks[1].data();
    assert_eq!(names(added), ["conversationId", "participant"]);
    assert_eq!((&added["conversationId"], &added["participant"]["userName"]), (&json!(team), &json!("Bob")));
    assert_eq!(hooks[5].data()["participant"]["userId"], json!(bob.id));

    let mut expected = sent.clone();
    expected.as_object_mut().expect("an object").remove("tempId");
    assert_eq!(hooks[2].data(), &expected);
    let mut expected = edited;
    expected.as_object_mut().expect("an object").remove("tempId");
    assert_eq!(hooks[3].data(), &expected);
    assert_eq!((&hooks[4].data()["isDeleted"], &hooks[4].data()["content"]), (&json!(true), &Json::Null));
}

#[tokio::test]
async fn an_endpoint_is_told_what_it_asked_for_and_in_order_however_many_write() {
    let server = server(&[]).await;
    let (admin, alice, bob) =
        (server.administrator("Root").await, server.person("Alice").await, server.person("Bob").await);
    let receiver = Receiver::start().await;
    endpoint(&admin, &receiver.url(), &["chat_message.sent"]).await;
    let team = alice.group("Team", &[&bob]).await;
    let stranger = server.person("Eve").await;
    let mut sends = tokio::task::JoinSet::new();
    for n in 0..30 {
        for person in [alice.clone(), bob.clone(), stranger.clone()] {
            sends.spawn(async move {
                let path = format!("/conversations/{team}/messages");
                let body = json!({ "content": format!("{} {n}", person.name), "tempId": format!("{}", n / 2) });
                (person.post(&path, body).await.status, person.id)
            });
        }
    }
    let mut stored = 0;
    while let Some(sent) = sends.join_next().await {
        let (status, _) = sent.expect("no panic");
        assert!([201, 403, 409].contains(&status), "{status}");
        stored += usize::from(status == 201);
    }
    assert_eq!(stored, 30);
    let last = alice.send(team, "the last one").await;
    let hooks = receiver.wait_for(stored + 1).await;
    let told: Vec<i64> = hooks.iter().map(|hook| hook.data()["id"].as_i64().expect("an id")).collect();
    assert!(told.is_sorted() && told.last() == Some(&last) && told.len() == stored + 1, "{told:?}");
    let page = alice.get(&format!("/conversations/{team}/messages?limit=100")).await.ok();
    let kept: Vec<i64> = page.as_array().expect("a list").iter().filter_map(|message| message["id"].as_i64()).collect();
    assert_eq!(told, kept);
}

#[tokio::test]
async fn what_fails_is_tried_again_and_holds_up_its_own_line_only() {
    let server = server(&[0, 1, 0, 0]).await;
    let admin = server.administrator("Root").await;
    let failing = Receiver::start_with(|before, _| Reply::Status(if before < 3 { 500 } else { 204 })).await;
    let working = Receiver::start().await;
    let hanging = Receiver::start_with(|before, _| if before == 0 { Reply::Nothing } else { Reply::Status(200) }).await;
    let to_failing = endpoint(&admin, &failing.url(), &["chat_message.sent"]).await;
    endpoint(&admin, &working.url(), &["chat_message.sent"]).await;
    let to_hanging = endpoint(&admin, &hanging.url(), &["chat_message.sent"]).await;
    let team = admin.group("Team", &[]).await;
    admin.send(team, "one").await;
    admin.send(team, "two").await;

    assert_eq!(contents(&working.wait_for(2).await), ["one", "two"]);
    let hooks = failing.wait_for(5).await;
    assert_eq!(contents(&hooks), ["one", "one", "one", "one", "two"]);
    assert!(hooks[..4].iter().all(|hook| hook.id == hooks[0].id && hook.text == hooks[0].text));
    let done = wait_for(&admin, &to_failing, "DELIVERED", 2).await;
    assert_eq!(
        (&done[0]["attempts"], &done[0]["lastStatus"], &done[0]["lastError"]),
        (&json!(4), &json!(204), &Json::Null)
    );
    assert_eq!(hanging.seen().len(), 1, "it hangs while the others go on");

    assert_eq!(contents(&hanging.wait_for(3).await), ["one", "one", "two"]);
    let done = wait_for(&admin, &to_hanging, "DELIVERED", 2).await;
    assert_eq!(done[0]["attempts"], json!(2));
}

#[tokio::test]
async fn a_receiver_that_is_away_at_first_gets_everything_later() {
    let server = server(&[1, 1, 1, 1, 1, 1]).await;
    let admin = server.administrator("Root").await;
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let to = endpoint(&admin, &format!("http://{address}/hook"), &["chat_message.sent"]).await;
    let team = admin.group("Team", &[]).await;
    for content in ["one", "two", "three"] {
        admin.send(team, content).await;
    }
    loop {
        let waiting = deliveries(&admin, &to, Some("PENDING")).await;
        if waiting[0]["lastError"] == "The receiver cannot be connected to" {
            assert!(waiting[1..].iter().all(|delivery| delivery["attempts"] == 0), "those behind it wait: {waiting:?}");
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let receiver = Receiver::start_at(address, |_, _| Reply::Status(200)).await;
    assert_eq!(contents(&receiver.wait_for(3).await), ["one", "two", "three"]);
}

#[tokio::test]
async fn what_failed_for_good_lets_the_next_go_and_can_be_replayed() {
    let server = server(&[0]).await;
    let admin = server.administrator("Root").await;
    let receiver = Receiver::start_with(|_, hook| match hook.data()["content"].as_str() {
        Some("bad") => Reply::Status(500),
        Some("redirected") => Reply::Redirect,
        Some("long") => Reply::Endless,
        _ => Reply::Status(200),
    })
    .await;
    let to = endpoint(&admin, &receiver.url(), &["chat_message.sent"]).await;
    let team = admin.group("Team", &[]).await;
    for content in ["bad", "good", "redirected", "bad", "long"] {
        admin.send(team, content).await;
    }
    let failed = wait_for(&admin, &to, "FAILED", 3).await;
    assert_eq!((&failed[0]["attempts"], &failed[0]["lastStatus"]), (&json!(2), &json!(500)));
    assert_eq!(failed[0]["lastError"], "The receiver answered 500");
    assert_eq!(failed[1]["lastError"], "The receiver answered 302, and redirects are not followed");
    assert_eq!(wait_for(&admin, &to, "DELIVERED", 2).await.len(), 2);
    assert_eq!(contents(&receiver.seen()), ["bad", "bad", "good", "redirected", "redirected", "bad", "bad", "long"]);

    receiver.now(|_, _| Reply::Status(200));
    const REPLAY: &str = "mutation($ids: [ID!], $endpoint: ID, $from: DateTime, $to: DateTime) {
        replayWebhookDeliveries(deliveryIds: $ids, endpointId: $endpoint, from: $from, to: $to) }";
    let replayed = admin.gql_ok(REPLAY, json!({ "ids": [failed[0]["id"]] })).await;
    assert_eq!(replayed["replayWebhookDeliveries"], 1);
    let hooks = receiver.wait_for(9).await;
    assert_eq!(hooks[8].id, failed[0]["webhookId"]);
    assert_eq!(hooks[8].text, hooks[0].text);
    let nothing = admin.gql_ok(REPLAY, json!({ "endpoint": to.id, "to": failed[0]["createdAt"] })).await;
    assert_eq!(nothing["replayWebhookDeliveries"], 0);
    let range = json!({ "endpoint": to.id, "from": failed[0]["createdAt"], "to": "2999-01-01T00:00:00Z" });
    assert_eq!(admin.gql_ok(REPLAY, range).await["replayWebhookDeliveries"], 2);
    let hooks = receiver.wait_for(11).await;
    assert_eq!(contents(&hooks)[9..], ["redirected", "bad"]);
    wait_for(&admin, &to, "DELIVERED", 5).await;
    for bad in
        [json!({}), json!({ "ids": ["1"], "endpoint": to.id }), json!({ "ids": ["1"], "from": "2020-01-01T00:00:00Z" })]
    {
        assert_eq!(admin.gql_refused(REPLAY, bad).await.0, "BAD_REQUEST");
    }
    let unknown = admin.gql_refused(REPLAY, json!({ "ids": ["999999"] })).await;
    assert_eq!(unknown, ("NOT_FOUND".to_owned(), "Webhook delivery not found: 999999".to_owned()));
}

#[tokio::test]
async fn an_endpoint_that_answers_410_is_switched_off_until_it_is_switched_on_again() {
    let server = server(&[0]).await;
    let admin = server.administrator("Root").await;
    let receiver = Receiver::start_with(|_, _| Reply::Status(410)).await;
    let to = endpoint(&admin, &receiver.url(), &["chat_message.sent"]).await;
    let team = admin.group("Team", &[]).await;
    admin.send(team, "one").await;
    wait_for(&admin, &to, "FAILED", 1).await;
    let all = admin.gql_ok("{ webhookEndpoints { enabled disabledReason } }", json!({})).await;
    let expected = json!([{ "enabled": false, "disabledReason": "It answered 410: it wants no more webhooks" }]);
    assert_eq!(all["webhookEndpoints"], expected);
    admin.send(team, "nobody is told").await;
    const TEST: &str = "mutation($id: ID!) { sendTestEvent(endpointId: $id) { state eventType } }";
    assert_eq!(admin.gql_refused(TEST, json!({ "id": to.id })).await.0, "CONFLICT");

    receiver.now(|_, _| Reply::Status(200));
    const ENABLE: &str = "mutation($id: ID!) {
        updateWebhookEndpoint(endpointId: $id, input: { enabled: true }) { enabled disabledReason events } }";
    let enabled = admin.gql_ok(ENABLE, json!({ "id": to.id })).await;
    let expected = json!({ "enabled": true, "disabledReason": null, "events": ["chat_message.sent"] });
    assert_eq!(enabled["updateWebhookEndpoint"], expected);
    let tested = admin.gql_ok(TEST, json!({ "id": to.id })).await;
    assert_eq!(tested["sendTestEvent"], json!({ "state": "PENDING", "eventType": "webhook.test" }));
    admin.send(team, "two").await;
    let hooks = receiver.wait_for(3).await;
    assert_eq!(
        (hooks[1].kind(), &hooks[1].data()["endpointId"]),
        ("webhook.test", &json!(to.id.parse::<i64>().unwrap()))
    );
    assert_eq!(contents(&hooks), ["one", "two"]);
}

#[tokio::test]
async fn both_secrets_sign_after_a_rotation_and_neither_is_shown_again() {
    let server = server(&[]).await;
    let admin = server.administrator("Root").await;
    let receiver = Receiver::start().await;
    let to = endpoint(&admin, &receiver.url(), &["chat_message.sent"]).await;
    assert!(to.secret.starts_with("whsec_"));
    let team = admin.group("Team", &[]).await;
    const ROTATE: &str = "mutation($id: ID!) { rotateWebhookSecret(endpointId: $id) { secret previousSecretUntil } }";
    let rotated = admin.gql_ok(ROTATE, json!({ "id": to.id })).await;
    let new = rotated["rotateWebhookSecret"]["secret"].as_str().expect("a secret").to_owned();
    let until = rotated["rotateWebhookSecret"]["previousSecretUntil"].as_str().expect("a time");
    let left = chrono::DateTime::parse_from_rfc3339(until).expect("a time").to_utc() - crate::now();
    assert!((1_430..=1_440).contains(&left.num_minutes()), "{left}");
    admin.send(team, "one").await;
    let hook = receiver.wait_for(1).await.remove(0);
    assert!(new != to.secret && hook.is_signed_with(&new) && hook.is_signed_with(&to.secret));
    assert_eq!(hook.signatures.split(' ').count(), 2);

    let all = "{ webhookEndpoints { id url events enabled disabledReason configured secret createdAt updatedAt } }";
    assert_eq!(admin.gql_ok(all, json!({})).await["webhookEndpoints"][0]["secret"], Json::Null);
    let update =
        "mutation($id: ID!) { updateWebhookEndpoint(endpointId: $id, input: { events: [] }) { secret events } }";
    let updated = admin.gql_ok(update, json!({ "id": to.id })).await;
    assert_eq!(updated["updateWebhookEndpoint"], json!({ "secret": null, "events": [] }));
    let delete = "mutation($id: ID!) { deleteWebhookEndpoint(endpointId: $id) }";
    assert_eq!(admin.gql_ok(delete, json!({ "id": to.id })).await["deleteWebhookEndpoint"], true);
    assert_eq!(admin.gql_refused(delete, json!({ "id": to.id })).await.0, "NOT_FOUND");
    admin.send(team, "nobody is told").await;
    assert!(deliveries(&admin, &to, None).await.is_empty());
}

#[tokio::test]
async fn only_administrators_see_or_change_anything_of_webhooks() {
    let server = server(&[]).await;
    let alice = server.person("Alice").await;
    for document in [
        "{ webhookEndpoints { id } }",
        "{ webhookDeliveries { edges { node { id } } } }",
        "mutation { createWebhookEndpoint(input: { url: \"https://example.org\" }) { id } }",
        "mutation { updateWebhookEndpoint(endpointId: 1, input: { enabled: true }) { id } }",
        "mutation { deleteWebhookEndpoint(endpointId: 1) }",
        "mutation { rotateWebhookSecret(endpointId: 1) { secret } }",
        "mutation { sendTestEvent(endpointId: 1) { id } }",
        "mutation { replayWebhookDeliveries(endpointId: 1) }",
    ] {
        let refused = alice.gql_refused(document, json!({})).await;
        assert_eq!(refused, ("FORBIDDEN".to_owned(), "Only an administrator may do that".to_owned()), "{document}");
    }
}

#[tokio::test]
async fn targets_that_are_not_on_the_internet_are_refused_when_named_and_when_connected_to() {
    let server = Server::start().await;
    let admin = server.administrator("Root").await;
    for url in [
        "https://127.1/",
        "https://0x7f000001/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/",
        "https://localhost./",
        "https://user:pass@example.org/",
        "http://example.org/",
        "https://example.org:22/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "nonsense",
    ] {
        let (code, sentence) = admin.gql_refused(CREATE, json!({ "url": url })).await;
        assert!(code == "BAD_REQUEST" && sentence.starts_with("The URL "), "{url}: {code} {sentence}");
    }
    let unknown = json!({ "url": "https://8.8.8.8/", "events": ["message.sent"] });
    assert!(admin.gql_refused(CREATE, unknown).await.1.starts_with("The events of webhooks are chat_message.sent, "));

    // As if it had been let in by other settings.
    let to = endpoint(&admin, "https://8.8.8.8/", &[]).await;
    server.meddle("UPDATE chat_webhook_endpoints SET url = 'https://127.0.0.1/'", vec![]).await;
    admin.gql_ok("mutation($id: ID!) { sendTestEvent(endpointId: $id) { id } }", json!({ "id": to.id })).await;
    loop {
        let tried = deliveries(&admin, &to, None).await.remove(0);
        if tried["attempts"] == 1 {
            assert_eq!(tried["lastError"], "The URL leads to an address that is not allowed");
            assert_eq!(tried["state"], "PENDING");
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn endpoints_of_the_settings_are_told_too_and_changed_there_only() {
    let receiver = Receiver::start().await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let url = receiver.url();
    let server = Server::start_with(move |config| {
        allow(config, vec![]);
        let events = vec!["chat_message.sent".to_owned()];
        config.webhooks.endpoints = vec![WebhookEndpoint { url, events, secret: secret.to_owned() }];
    })
    .await;
    let admin = server.administrator("Root").await;
    let team = admin.group("Team", &[]).await;
    let configured = loop {
        let all = admin.gql_ok("{ webhookEndpoints { id configured enabled secret } }", json!({})).await;
        if let Some(one) = all["webhookEndpoints"].get(0) {
            break one.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((&configured["configured"], &configured["secret"]), (&json!(true), &Json::Null));
    admin.send(team, "one").await;
    assert!(receiver.wait_for(1).await[0].is_signed_with(secret));
    for change in [
        "mutation($id: ID!) { deleteWebhookEndpoint(endpointId: $id) }",
        "mutation($id: ID!) { rotateWebhookSecret(endpointId: $id) { secret } }",
        "mutation($id: ID!) { updateWebhookEndpoint(endpointId: $id, input: { events: [] }) { id } }",
    ] {
        assert_eq!(admin.gql_refused(change, json!({ "id": configured["id"] })).await.0, "CONFLICT");
    }
    let off = "mutation($id: ID!) { updateWebhookEndpoint(endpointId: $id, input: { enabled: false }) { enabled } }";
    assert_eq!(admin.gql_ok(off, json!({ "id": configured["id"] })).await["updateWebhookEndpoint"]["enabled"], false);
}

#[tokio::test]
async fn two_servers_on_one_database_tell_everything_once_and_in_order() {
    let one = server(&[0, 0, 0]).await;
    let other = one.twin().await;
    let admin = one.administrator("Root").await;
    let there = other.somebody(admin.id, &admin.token, "Root");
    let team = admin.group("Team", &[]).await;
    there.send(team, "before").await;
    let receiver = Receiver::start_with(|before, _| Reply::Status(if before % 5 == 4 { 503 } else { 200 })).await;
    let to = endpoint(&admin, &receiver.url(), &["chat_message.sent"]).await;
    let mut expected = Vec::new();
    for n in 0..20 {
        let person = if n % 2 == 0 { &there } else { &admin };
        expected.push(person.send(team, &format!("{n}")).await);
    }
    wait_for(&admin, &to, "DELIVERED", 20).await;
    let mut told: Vec<i64> = receiver.seen().iter().filter_map(|hook| hook.data()["id"].as_i64()).collect();
    told.dedup();
    assert_eq!(told, expected);
    let delete = "mutation($id: ID!) { deleteWebhookEndpoint(endpointId: $id) }";
    there.gql_ok(delete, json!({ "id": to.id })).await;
    admin.send(team, "nobody is told").await;
    assert_eq!(receiver.seen().iter().filter(|hook| hook.data()["content"] == "nobody is told").count(), 0);
}

#[tokio::test]
async fn a_server_killed_between_sending_and_marking_sends_again_under_the_same_id() {
    let mut server = server(&[0]).await;
    let admin = server.administrator("Root").await;
    let receiver =
        Receiver::start_with(|before, _| if before == 0 { Reply::Nothing } else { Reply::Status(200) }).await;
    let to = endpoint(&admin, &receiver.url(), &["chat_message.sent"]).await;
    let team = admin.group("Team", &[]).await;
    server.stop().await;

    let folder = std::env::temp_dir().join(format!("confab_kill_{}", uuid::Uuid::new_v4().simple()));
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_confab"))
        .args(["--set", "server.bind=127.0.0.1:0", "--set", "webhooks.allow_private_targets=true"])
        .args(["--set", &format!("server.data_dir={}", folder.display())])
        .args(["--set", &format!("storage.url={}", server.storage_url())])
        .args(["--set", &format!("database.url={}", server.database_url())])
        .args(["--set", &format!("auth.jwt_secret={SECRET}")])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the server starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let line = lines.next_line().await.expect("a line").expect("a line");
    let address: SocketAddr = line.rsplit('/').next().and_then(|text| text.parse().ok()).expect("an address");
    let there = Person::new(address, admin.id, "Root", &admin.token);
    for content in ["one", "two", "three"] {
        there.send(team, content).await;
    }
    receiver.wait_for(1).await;
    child.kill().await.expect("kill -9");
    std::fs::remove_dir_all(folder).ok();

    server.resume().await;
    let admin = server.somebody(admin.id, &admin.token, "Root");
    let hooks = receiver.wait_for(4).await;
    assert_eq!(contents(&hooks), ["one", "one", "two", "three"]);
    assert_eq!(hooks[0].id, hooks[1].id);
    let done = wait_for(&admin, &to, "DELIVERED", 3).await;
    assert_eq!(done[0]["attempts"], 1, "an attempt that nobody wrote down does not count");
}

#[tokio::test]
async fn a_server_that_stops_cuts_an_attempt_off_and_makes_it_at_once_when_it_is_back() {
    let mut server = server(&[0]).await;
    let admin = server.administrator("Root").await;
    let receiver =
        Receiver::start_with(|before, _| if before == 0 { Reply::Nothing } else { Reply::Status(200) }).await;
    endpoint(&admin, &receiver.url(), &["chat_message.sent"]).await;
    let team = admin.group("Team", &[]).await;
    admin.send(team, "one").await;
    receiver.wait_for(1).await;
    let before = tokio::time::Instant::now();
    server.stop().await;
    assert!(before.elapsed() < Duration::from_secs(8), "{:?}", before.elapsed());
    let before = tokio::time::Instant::now();
    server.resume().await;
    let hooks = receiver.wait_for(2).await;
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    assert_eq!(hooks[0].id, hooks[1].id);
}
