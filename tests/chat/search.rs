//! Searching messages gives the same on both databases: words by their beginning, without regard to case and accents.

use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::Server;

/// What is said, and queries that find it.
const FOUND: [(&str, &[&str]); 14] = [
    ("Élan vital à la crème brûlée", &["elan", "ÉLAN", "creme", "brulee", "brû vit"]),
    ("Die Straße nach Gießen", &["strasse", "STRASSE", "straße", "giess"]),
    ("東京の天気は晴れ", &["東京", "天", "晴れ", "東 気"]),
    ("안녕하세요 여러분", &["안녕", "여러분"]),
    ("ship it 🚀🚀", &["🚀", "ship 🚀"]),
    ("love ❤ and peace", &["❤️", "❤", "pea lov"]),
    ("100% of a_b's files", &["100", "100%", "a_b", "file"]),
    ("mail bob.smith+x@example.com today", &["bob.smith+x@example.com", "smith", "exam com"]),
    ("he said \"NEAR(a b)\" OR not", &["near", "\"NEAR(a", "OR", "not said"]),
    ("SELECT * FROM users; --", &["select", "users; --", "*from"]),
    ("foo:bar col-name a&b|c!d", &["foo:bar", "col", "a&b|c!d"]),
    ("back\\slash and 'quote'", &["back\\slash", "'quote'", "slash"]),
    ("İstanbul ve ığdır", &["istanbul", "ve"]),
    ("Привет, мир", &["привет", "МИР"]),
];

/// Queries that find nothing of it.
const LOST: [&str; 8] = ["%", "_", "elanvital", "京東x", "ocket", "*", "\"\"", "🎉"];

async fn search(person: &Person, conversation: i64, query: &str) -> Vec<i64> {
    let query = percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC);
    ids(&person.get(&format!("/conversations/{conversation}/messages/search?query={query}")).await.ok())
}

fn ids(found: &Json) -> Vec<i64> {
    found.as_array().expect("a list").iter().map(|message| message["id"].as_i64().expect("an id")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_word_is_found_by_its_beginning() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    let mut sent = Vec::new();
    for (content, _) in FOUND {
        sent.push(alice.send(room, content).await);
    }
    for ((content, queries), id) in FOUND.iter().zip(&sent) {
        for query in *queries {
            assert!(search(&alice, room, query).await.contains(id), "{query:?} finds {content:?}");
        }
    }
    for query in LOST {
        assert_eq!(search(&alice, room, query).await, [0; 0], "{query:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_has_1_to_200_characters() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    let path = format!("/conversations/{room}/messages/search");
    alice.get(&path).await.refused_with(400, "BAD_REQUEST");
    for query in ["", "%20%20", &"a".repeat(201)] {
        alice.get(&format!("{path}?query={query}")).await.refused_with(400, "BAD_REQUEST");
    }
    assert_eq!(alice.get(&format!("{path}?query={}", "a".repeat(200))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_edited_is_found_as_it_is_and_what_was_deleted_is_not() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    let (edited, deleted) = (alice.send(room, "first words").await, alice.send(room, "first and last").await);
    alice.put(&format!("/messages/{edited}"), json!({ "content": "second words" })).await.ok();
    alice.delete(&format!("/messages/{deleted}")).await.ok();
    assert_eq!(search(&alice, room, "first").await, [0; 0]);
    assert_eq!(search(&alice, room, "second").await, [edited]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_run_from_the_newest_to_the_oldest() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    let mut sent = Vec::new();
    for number in 0..7 {
        sent.push(alice.send(room, &format!("needle {number}")).await);
        alice.send(room, "hay").await;
    }
    sent.reverse();
    let mut found = Vec::new();
    let mut before = String::new();
    loop {
        let answer = alice.get(&format!("/conversations/{room}/messages/search?query=needle&limit=3{before}")).await;
        let page = answer.body["page"].clone();
        found.extend(ids(&answer.ok()));
        if page["hasMore"] == json!(false) {
            break;
        }
        before = format!("&before={}", page["before"]);
    }
    assert_eq!(found, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn graphql_searches_all_of_the_viewers_conversations_and_shows_where() {
    let server = Server::start().await;
    let (alice, bob, eve) = (server.person("Alice").await, server.person("Bob").await, server.person("Eve").await);
    let (shared, own, foreign) =
        (alice.group("Shared", &[&bob]).await, alice.group("Own", &[]).await, eve.group("Eve's", &[]).await);
    let first = alice.send(shared, "1 < 2: the needle & thread").await;
    let second = alice.send(own, "needles").await;
    eve.send(foreign, "needle of Eve").await;

    let query = "query($q: String!, $c: ID, $first: Int, $after: String, $last: Int, $before: String) {
        searchMessages(query: $q, conversationId: $c, first: $first, after: $after, last: $last, before: $before) {
            edges { cursor snippet node { id } } pageInfo { hasNextPage hasPreviousPage } } }";
    let nodes = |data: &Json| -> Vec<String> {
        let edges = data["searchMessages"]["edges"].as_array().expect("edges").clone();
        edges.iter().map(|edge| edge["node"]["id"].as_str().expect("an id").to_owned()).collect()
    };
    let all = alice.gql_ok(query, json!({ "q": "Needle" })).await;
    assert_eq!(nodes(&all), [second.to_string(), first.to_string()]);
    let snippet = &all["searchMessages"]["edges"][1]["snippet"];
    assert!(
        snippet.as_str().is_some_and(|text| text.contains("<mark>needle</mark>") && text.contains("&amp;")),
        "{snippet}"
    );

    assert_eq!(nodes(&bob.gql_ok(query, json!({ "q": "needle" })).await), [first.to_string()]);
    assert_eq!(nodes(&alice.gql_ok(query, json!({ "q": "needle", "c": own.to_string() })).await), [second.to_string()]);
    let page = alice.gql_ok(query, json!({ "q": "needle", "first": 1 })).await;
    assert_eq!(
        (nodes(&page), &page["searchMessages"]["pageInfo"]["hasNextPage"]),
        (vec![second.to_string()], &json!(true))
    );
    let after = &page["searchMessages"]["edges"][0]["cursor"];
    let next = alice.gql_ok(query, json!({ "q": "needle", "first": 1, "after": after })).await;
    assert_eq!(
        (nodes(&next), &next["searchMessages"]["pageInfo"]["hasNextPage"]),
        (vec![first.to_string()], &json!(false))
    );
    let before = &next["searchMessages"]["edges"][0]["cursor"];
    let back = alice.gql_ok(query, json!({ "q": "needle", "last": 1, "before": before })).await;
    assert_eq!(nodes(&back), [second.to_string()]);
    assert_eq!(nodes(&alice.gql_ok(query, json!({ "q": "needle", "last": 1 })).await), [first.to_string()]);

    let refused = bob.gql_refused(query, json!({ "q": "needle", "c": own.to_string() })).await;
    assert_eq!(refused.0, "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_for_words_that_all_messages_have_is_answered_at_once() {
    let server = Server::start().await;
    let (alice, eve) = (server.person("Alice").await, server.person("Eve").await);
    let room = alice.group("Room", &[]).await;
    let first = alice.send(room, "number 0 apple stream").await;
    let sql = "INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, content, search_words, created_at, \
               number, sender_number) \
               WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000) \
               SELECT $1 + n, m.conversation_id, m.sender_id, m.message_type, 'number ' || n || ' apple stream', \
               'number ' || n || ' apple stream', m.created_at, m.number + n, m.sender_number + n FROM n, chat_messages m WHERE m.id = $1";
    server.meddle(sql, vec![first.into()]).await;
    for query in ["number apple", "apple", "num appl", "number 19999 apple"] {
        let started = std::time::Instant::now();
        let newest = if query.contains("19999") { first + 19_999 } else { first + 20_000 };
        assert_eq!(search(&alice, room, query).await.first(), Some(&newest), "{query}");
        println!("{query}: {} ms", started.elapsed().as_millis());
        assert!(started.elapsed() < std::time::Duration::from_secs(5), "{query} took {:?}", started.elapsed());
    }
    // In all of the viewer's conversations, for somebody whom none of these messages concerns.
    let everywhere = "{ searchMessages(query: \"number apple\") { nodes { id } } }";
    assert_eq!(eve.gql_ok(everywhere, json!({})).await["searchMessages"]["nodes"], json!([]));
    assert_eq!(alice.gql_ok(everywhere, json!({})).await["searchMessages"]["nodes"].as_array().unwrap().len(), 50);
}
