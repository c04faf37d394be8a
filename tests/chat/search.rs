//! Searching messages gives the same on both databases: words by their beginning, without regard to case and accents.

use serde_json::{Value as Json, json};

use crate::bulk::number;
use crate::person::Person;
use crate::server::Server;
use crate::stomp_client::Carrier;

/// What is said, and queries that find it.
const FOUND: [(&str, &[&str]); 22] = [
    ("Élan vital à la crème brûlée", &["elan", "ÉLAN", "creme", "brulee", "brû vit"]),
    ("Die Straße nach Gießen", &["strasse", "STRASSE", "straße", "giess"]),
    ("東京の天気は晴れ", &["東京", "天", "晴れ", "東 気", "東京の天", "れ"]),
    ("京都の東側にいます", &["京都", "東側", "側", "京都の東側にいます"]),
    ("なかまとカタカナ", &["なかま", "カタカナ", "タカ"]),
    ("Đà Nẵng, Łódź und Ærø", &["da nang", "ĐÀ NẴNG", "đa", "lodz", "łódź", "aero", "ær"]),
    ("สวัสดีครับ ภาษาไทย", &["สวัสดี", "ไทย", "ดีครับ", "ภาษา"]),
    ("ខ្ញុំនិយាយភាសាខ្មែរ", &["ភាសា", "ខ្មែរ"]),
    ("ສະບາຍດີ", &["ສະບາຍ", "ດີ"]),
    ("iPhone手机", &["iphone", "手机", "iPhone手机", "机", "手"]),
    ("大阪🏯城", &["大阪", "🏯", "城", "大阪🏯城"]),
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
const LOST: [&str; 16] = [
    "%",
    "_",
    "elanvital",
    "京東x",
    "ocket",
    "*",
    "\"\"",
    "🎉",
    "東都",
    "京東",
    "かな",
    "阪城",
    "ไทยภาษา",
    "手机iphonex",
    "側東",
    "機",
];

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
async fn order_counts_in_scripts_without_blanks() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    let east = alice.send(room, "京都の東側にいます").await;
    let scattered = alice.send(room, "東京と京都").await;
    let whole = alice.send(room, "東京都").await;
    assert_eq!(search(&alice, room, "東京").await, [whole, scattered]);
    assert_eq!(search(&alice, room, "京都").await, [whole, scattered, east]);
    assert_eq!(search(&alice, room, "東京都").await, [whole]);
    // The same from the index, behind more messages than are looked at one by one.
    for _ in 0..12 {
        alice.send(room, "東京と京都").await;
    }
    server.meddle(MANY, vec![(whole + 100).into(), 200.into(), whole.into(), "hay".into()]).await;
    assert_eq!(search(&alice, room, "東京都").await, [whole]);
    assert_eq!(search(&alice, room, "東側").await, [east]);
}

/// Puts as many messages with these words behind an id, like the message of the third value.
const MANY: &str = "INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, content, search_words, created_at, \
     number, sender_number) \
     WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $2) \
     SELECT $1 + n, m.conversation_id, m.sender_id, m.message_type, CAST($4 AS text), CAST($4 AS text), m.created_at, \
     m.number + n, m.sender_number + n FROM n, chat_messages m WHERE m.id = $3";

/// What whoever inserts messages has to write to their conversations.
const COUNT: &str = "UPDATE chat_conversations SET \
     message_count = (SELECT count(*) FROM chat_messages m WHERE m.conversation_id = chat_conversations.id), \
     last_message_id = (SELECT max(id) FROM chat_messages m WHERE m.conversation_id = chat_conversations.id) \
     WHERE last_message_id IS NOT NULL";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rare_common_or_in_between_is_found_in_both_directions() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let rooms = [alice.group("One", &[]).await, alice.group("Two", &[]).await];
    let mut first = 0;
    for (place, room) in rooms.into_iter().enumerate() {
        first = alice.send(room, "alpha").await;
        let base = 10_000 * (place as i64 + 1);
        server.meddle(MANY, vec![base.into(), 1_500.into(), first.into(), "hay common".into()]).await;
        server.meddle(MANY, vec![(base + 2_000).into(), 30.into(), first.into(), "between common".into()]).await;
        server.meddle(MANY, vec![(base + 3_000).into(), 1_500.into(), first.into(), "hay straw".into()]).await;
        server.meddle(COUNT, vec![]).await;
    }
    let query = "query($q: String!, $first: Int, $last: Int, $after: String, $before: String, $c: ID) {
        searchMessages(query: $q, conversationId: $c, first: $first, last: $last, after: $after, before: $before) {
            edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage } } }";
    let all = async |q: &str, c: Option<i64>, forward: bool| {
        let (mut ids, mut cursor) = (Vec::new(), Json::Null);
        loop {
            let page = match forward {
                true => json!({ "q": q, "first": 40, "after": cursor, "c": c.map(|id| id.to_string()) }),
                false => json!({ "q": q, "last": 40, "before": cursor, "c": c.map(|id| id.to_string()) }),
            };
            let found = alice.gql_ok(query, page).await["searchMessages"].clone();
            let edges = found["edges"].as_array().expect("edges").clone();
            let id = |edge: &Json| edge["node"]["id"].as_str().and_then(|id| id.parse::<i64>().ok()).expect("an id");
            let page: Vec<i64> = edges.iter().map(id).collect();
            let (more, end) = if forward { ("hasNextPage", edges.last()) } else { ("hasPreviousPage", edges.first()) };
            cursor = end.map_or(Json::Null, |edge| edge["cursor"].clone());
            ids = if forward { [ids, page].concat() } else { [page, ids].concat() };
            if found["pageInfo"][more] == json!(false) {
                break ids;
            }
        }
    };
    let between: Vec<i64> = (22_001..=22_030).rev().chain((12_001..=12_030).rev()).collect();
    for forward in [true, false] {
        assert_eq!(all("between", None, forward).await, between);
        assert_eq!(all("between common", Some(rooms[1]), forward).await, between[..30]);
        assert_eq!(all("betw straw", None, forward).await, [0; 0]);
        assert_eq!(all("alpha", Some(rooms[1]), forward).await, [first]);
    }
    let common = all("common", Some(rooms[0]), true).await;
    assert_eq!(common, (12_001..=12_030).rev().chain((10_001..=11_500).rev()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_before_are_written_anew_while_the_server_serves() {
    let mut server = Server::start().await;
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    let (plain, tokyo) = (alice.send(room, "plain words").await, alice.send(room, "東京").await);
    let east = alice.send(room, "京都の東側").await;
    let edited = alice.send(room, "to be edited").await;
    // As a program of before left them.
    let old = "UPDATE chat_messages SET search_words = NULL, old_words = CAST($2 AS text) WHERE id = $1";
    for (id, words) in [(plain, "plain words"), (tokyo, "東 京"), (east, "京 都 の 東 側"), (edited, "to be edited")]
    {
        server.meddle(old, vec![id.into(), words.into()]).await;
        if server.postgres().is_none() {
            let index = "INSERT INTO chat_message_words (rowid, search_words) VALUES ($1, $2)";
            server.meddle(index, vec![id.into(), words.into()]).await;
        }
    }
    server.meddle("UPDATE chat_search SET old_below = $1", vec![(edited + 1).into()]).await;
    server.stop().await;
    server.resume().await;
    let alice = alice.at(server.address);
    alice.put(&format!("/messages/{edited}"), json!({ "content": "was edited" })).await.ok();
    // Whatever is found before is found throughout.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        assert_eq!(search(&alice, room, "plain").await, [plain]);
        assert_eq!(search(&alice, room, "was").await, [edited]);
        if search(&alice, room, "東京").await == [tokyo] {
            break;
        }
        assert!(std::time::Instant::now() < until, "the words are not written anew");
    }
    assert_eq!(number(&server, "SELECT count(*) FROM chat_messages WHERE old_words IS NOT NULL").await, 0);
    assert_eq!(number(&server, "SELECT old_below FROM chat_search").await, 0);
    assert_eq!(search(&alice, room, "東側").await, [east]);
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
    server.meddle(COUNT, vec![]).await;
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

#[tokio::test]
async fn what_is_meant_as_text_goes_through_every_door_as_it_is_and_is_found() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Users of Vec<T>", &[&bob]).await;
    let mut socket = bob.subscribe("subscription { messages { content } }").await;
    let mut ears = bob.stomp_on(Carrier::EventSource, &["messages"]).await;
    let mut mouth = alice.stomp(Carrier::Raw).await;
    let texts = ["Ask Ann <ann@example.com> about it", "a Vec<String> & <b>AT&T</b> < 2", "you </3 it: if a<b"];
    for (door, text) in texts.iter().enumerate() {
        let input = json!({ "conversationId": group, "content": text });
        match door {
            0 => drop(alice.post(&format!("/conversations/{group}/messages"), input).await.ok()),
            1 => {
                let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { content } }";
                let sent = alice.gql_ok(send, json!({ "input": input })).await;
                assert_eq!(sent["sendMessage"]["content"], *text);
            }
            _ => mouth.send("send", input).await,
        }
        assert_eq!(socket.event().await["messages"]["content"], *text);
        assert_eq!(ears.message("messages").await["content"], *text);
    }
    let listed = alice.get(&format!("/conversations/{group}/messages")).await.ok();
    let listed: Vec<&Json> = listed.as_array().expect("a page").iter().map(|message| &message["content"]).collect();
    assert_eq!(listed, texts);
    for (query, found) in [("ann example", 1), ("vec string", 1), ("at&t", 1), ("you a", 1), ("lt", 0)] {
        assert_eq!(search(&bob, group, query).await.len(), found, "{query}");
    }
}
