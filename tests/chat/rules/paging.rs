//! Pages of messages: nearest to the cursor, oldest first, the same forwards and backwards.

use serde_json::json;

use crate::payload::ids;
use crate::person::Person;
use crate::server::Server;

/// A conversation with seven messages, numbered from 3 in the log of ids, and one elsewhere between them.
async fn seven(server: &Server) -> (Person, i64, Vec<i64>) {
    let alice = server.person("Alice").await;
    let (group, elsewhere) = (alice.group("Team", &[]).await, alice.group("Elsewhere", &[]).await);
    let mut sent = Vec::new();
    for turn in 0..7 {
        sent.push(alice.send(group, &format!("message {turn}")).await);
        alice.send(elsewhere, "between").await;
    }
    (alice, group, sent)
}

#[tokio::test]
async fn the_page_is_the_one_nearest_to_the_cursor_and_oldest_first() {
    let server = Server::start().await;
    let (alice, group, sent) = seven(&server).await;
    let path = format!("/conversations/{group}/messages");
    let cases = [
        (String::from("?limit=3"), &sent[4..], true),
        (String::from("?limit=7"), &sent[..], false),
        (format!("?before={}&limit=2", sent[4]), &sent[2..4], true),
        (format!("?before={}&limit=4", sent[4]), &sent[..4], false),
        (format!("?after={}&limit=2", sent[1]), &sent[2..4], true),
        (format!("?after={}", sent[4]), &sent[5..], false),
        (format!("?after={}", sent[6]), &[], false),
        (format!("?before={}", sent[0]), &[], false),
        // Zero is before all of them.
        (String::from("?after=0&limit=1"), &sent[..1], true),
        (String::from("?after=0"), &sent[..], false),
        // A cursor id need not exist, nor be of this conversation.
        (format!("?after={}&limit=1", sent[0] + 1), &sent[1..2], true),
        (String::from("?before=9007199254740991&limit=1"), &sent[6..], true),
        (String::from("?limit=1000"), &sent[..], false),
        (String::from("?limit=99999999999999999999"), &sent[..], false),
    ];
    for (query, expected, has_more) in cases {
        let answer = alice.get(&format!("{path}{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        assert_eq!(ids(answer.data()), expected, "{query}");
        assert_eq!(answer.body["page"]["hasMore"], has_more, "{query}");
    }
}

#[tokio::test]
async fn what_a_page_says_to_pass_next_leads_through_the_whole_list_in_both_directions() {
    let server = Server::start().await;
    let (alice, group, sent) = seven(&server).await;
    let path = format!("/conversations/{group}/messages?limit=3");
    let (mut back, mut query) = (Vec::new(), String::new());
    loop {
        let page = alice.get(&format!("{path}{query}")).await;
        back.splice(0..0, ids(page.data()));
        query = format!("&before={}", page.body["page"]["before"]);
        if page.body["page"]["hasMore"] == false {
            break;
        }
    }
    assert_eq!(back, sent);
    let (mut forth, mut query) = (Vec::new(), "&after=0".to_owned());
    loop {
        let page = alice.get(&format!("{path}{query}")).await;
        forth.extend(ids(page.data()));
        query = format!("&after={}", page.body["page"]["after"]);
        if page.body["page"]["hasMore"] == false {
            break;
        }
    }
    assert_eq!(forth, sent);
}

#[tokio::test]
async fn a_deleted_message_stays_in_its_place_and_serves_as_a_cursor() {
    let server = Server::start().await;
    let (alice, group, sent) = seven(&server).await;
    alice.delete(&format!("/messages/{}", sent[3])).await.ok();
    let path = format!("/conversations/{group}/messages");
    assert_eq!(ids(alice.get(&path).await.data()), sent);
    assert_eq!(ids(alice.get(&format!("{path}?before={}&limit=1", sent[3])).await.data()), [sent[2]]);
}

#[tokio::test]
async fn an_empty_conversation_has_an_empty_page() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let group = alice.group("Empty", &[]).await;
    let answer = alice.get(&format!("/conversations/{group}/messages")).await;
    assert_eq!((answer.status, answer.data()), (200, &json!([])));
    assert_eq!(answer.body["page"], json!({ "hasMore": false, "before": null, "after": null }));
}

#[tokio::test]
async fn a_page_that_makes_no_sense_is_400() {
    let server = Server::start().await;
    let (alice, group, _) = seven(&server).await;
    let queries = [
        "before=5&after=2",
        "limit=0",
        "limit=-1",
        "limit=abc",
        "limit=",
        "limit=1.5",
        "limit=1e2",
        "limit=+5",
        "before=",
        "before=0",
        "before=-1",
        "before=abc",
        "before=1.5",
        "after=9007199254740992",
        "after=00",
        "after=-0",
        "after=01",
        "before=01",
        "after=null",
        "limit=5&limit=5",
        "before=5&before=5",
    ];
    for query in queries {
        let answer = alice.get(&format!("/conversations/{group}/messages?{query}")).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BAD_REQUEST")), "{query}");
    }
    for query in ["cursor=", "cursor=%00", "cursor=AAAA", "cursor=MS4yLjM&cursor=MS4yLjM", "limit=0", "archived=yes"] {
        let answer = alice.get(&format!("/conversations?{query}")).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BAD_REQUEST")), "{query}");
    }
}

#[tokio::test]
async fn a_forged_cursor_is_400() {
    let server = Server::start().await;
    let (alice, ..) = seven(&server).await;
    // 0.-8000000000000000.1, 1.8000000000000000.1 and 0.9223372036854775807.1
    let forged = ["MC4tODAwMDAwMDAwMDAwMDAwMC4x", "MS44MDAwMDAwMDAwMDAwMDAwLjE", "MC45MjIzMzcyMDM2ODU0Nzc1ODA3LjE"];
    for cursor in forged {
        let answer = alice.get(&format!("/conversations?cursor={cursor}")).await;
        answer.refused(400, "BAD_REQUEST", "The cursor is not valid");
    }
}

#[tokio::test]
async fn a_connection_says_on_both_sides_whether_there_is_more() {
    let server = Server::start().await;
    let (alice, group, sent) = seven(&server).await;
    let ask = async |list: &str, arguments: &str| {
        let fields = "nodes { id } pageInfo { hasPreviousPage hasNextPage }";
        let query = match list {
            "searchMessages" => {
                format!("{{ searchMessages(query: \"message\", conversationId: {group}, {arguments}) {{ {fields} }} }}")
            }
            _ => format!("{{ conversation(id: {group}) {{ messages({arguments}) {{ {fields} }} }} }}"),
        };
        let data = alice.gql_ok(&query, json!({})).await;
        let page = if list == "messages" { &data["conversation"]["messages"] } else { &data["searchMessages"] };
        let places: Vec<usize> = page["nodes"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|node| sent.iter().position(|id| node["id"].as_str() == Some(&id.to_string())).expect("one of them"))
            .collect();
        let info = &page["pageInfo"];
        (places, info["hasPreviousPage"] == true, info["hasNextPage"] == true)
    };
    let cursor = |place: usize| {
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, sent[place].to_string())
    };
    let (third, fifth) = (cursor(2), cursor(4));
    for (arguments, places, previous, next) in [
        ("first: 2".to_owned(), vec![0, 1], false, true),
        ("first: 7".to_owned(), (0..7).collect(), false, false),
        ("last: 2".to_owned(), vec![5, 6], true, false),
        (format!("first: 2, after: \"{third}\""), vec![3, 4], true, true),
        (format!("last: 2, before: \"{fifth}\""), vec![2, 3], true, true),
        (format!("first: 2, before: \"{fifth}\""), vec![0, 1], false, true),
        (format!("first: 20, before: \"{fifth}\""), vec![0, 1, 2, 3], false, true),
        (format!("last: 2, after: \"{third}\""), vec![5, 6], true, false),
        (format!("last: 20, after: \"{third}\""), vec![3, 4, 5, 6], true, false),
        (format!("first: 9, after: \"{third}\", before: \"{fifth}\""), vec![3], true, true),
        // None may be asked for, and an empty cursor is none.
        ("first: 0".to_owned(), vec![], false, true),
        ("last: 0".to_owned(), vec![], true, false),
        (format!("first: 0, after: \"{third}\""), vec![], true, true),
        ("first: 2, after: \"\"".to_owned(), vec![0, 1], false, true),
        ("last: 2, before: \"\"".to_owned(), vec![5, 6], true, false),
        ("after: \"\", before: \"\"".to_owned(), (0..7).collect(), false, false),
    ] {
        assert_eq!(ask("messages", &arguments).await, (places, previous, next), "{arguments}");
    }
    // Here the newest comes first.
    for (arguments, places, previous, next) in [
        ("first: 2".to_owned(), vec![6, 5], false, true),
        ("last: 2".to_owned(), vec![1, 0], true, false),
        (format!("first: 2, before: \"{third}\""), vec![6, 5], false, true),
        (format!("last: 2, after: \"{fifth}\""), vec![1, 0], true, false),
        (format!("first: 9, after: \"{third}\""), vec![1, 0], true, false),
        ("first: 0".to_owned(), vec![], false, true),
        ("first: 2, after: \"\"".to_owned(), vec![6, 5], false, true),
    ] {
        assert_eq!(ask("searchMessages", &arguments).await, (places, previous, next), "{arguments}");
    }
    for (field, argument) in [("messages", "first"), ("attachments", "first"), ("attachments", "last")] {
        let query = format!("{{ conversation(id: {group}) {{ {field}({argument}: -1) {{ nodes {{ id }} }} }} }}");
        let refused = alice.gql_refused(&query, json!({})).await;
        assert_eq!(refused, ("BAD_REQUEST".to_owned(), format!("{argument} must be 0 or more")));
    }
}

#[tokio::test]
async fn every_list_by_ids_begins_after_zero_and_every_connection_may_be_asked_for_none() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let parent = alice.send(group, "parent").await;
    let path = format!("/conversations/{group}/messages");
    let reply = alice.post(&path, json!({ "content": "reply", "parentMessageId": parent })).await.ok();
    let (_first, _second) = (alice.socket().await, bob.socket().await);
    for (path, key, expected) in [
        (format!("/messages/{parent}/thread?after=0&limit=1"), "id", &reply["id"]),
        ("/presence?after=0&limit=1".to_owned(), "userId", &json!(alice.id)),
    ] {
        let answer = alice.get(&path).await;
        assert_eq!((answer.status, &answer.data()[0][key]), (200, expected), "{path}");
    }
    let none = json!({ "nodes": [], "pageInfo": { "hasNextPage": true } });
    let fields = "{ nodes { __typename } pageInfo { hasNextPage } }";
    for (query, pointer, expected) in [
        (format!("{{ conversations(first: 0) {fields} }}"), "/conversations", &none),
        (format!("{{ conversations(first: 0, search: \"Team\") {fields} }}"), "/conversations", &none),
        (format!("{{ conversation(id: {group}) {{ messages(first: 0) {fields} }} }}"), "/conversation/messages", &none),
        (
            format!("{{ conversation(id: {group}) {{ participantsPage(first: 0, after: \"\") {fields} }} }}"),
            "/conversation/participantsPage",
            &none,
        ),
        (format!("{{ message(id: {parent}) {{ replies(first: 0) {fields} }} }}"), "/message/replies", &none),
        (format!("{{ searchMessages(query: \"parent\", first: 0) {fields} }}"), "/searchMessages", &none),
        (
            format!(
                "{{ conversation(id: {group}) {{ messages(last: 0) {{ nodes {{ id }} pageInfo {{ hasPreviousPage }} }} }} }}"
            ),
            "/conversation/messages",
            &json!({ "nodes": [], "pageInfo": { "hasPreviousPage": true } }),
        ),
    ] {
        let data = alice.gql_ok(&query, json!({})).await;
        assert_eq!(data.pointer(pointer), Some(expected), "{query}");
    }
    let sync = async |after: &str, first: i32| {
        let query = "query($after: String, $first: Int) { sync(after: $after, first: $first) { cursor hasMore events { __typename } } }";
        alice.gql_ok(query, json!({ "after": after, "first": first })).await["sync"].clone()
    };
    let head = sync("", 5).await;
    assert_eq!((&head["events"], &head["hasMore"]), (&json!([]), &json!(false)), "an empty cursor is none");
    let head = head["cursor"].as_str().expect("a cursor");
    assert_eq!(sync(head, 0).await, json!({ "cursor": head, "hasMore": false, "events": [] }));
    alice.send(group, "more").await;
    assert_eq!(sync(head, 0).await, json!({ "cursor": head, "hasMore": true, "events": [] }));
}
