//! Groups with more people than a conversation carries: who is shown, and how all of them are found.

use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::Server;

/// More than are shown.
const CROWD: usize = 130;

/// The owner, somebody who came last, the group, and everybody in the order in which they came.
async fn crowd(server: &Server) -> (Person, Person, i64, Vec<i64>) {
    let (alice, root) = (server.person("Alice").await, server.administrator("Root").await);
    let users: Vec<Json> = (1..CROWD as i64 - 1)
        .map(|number| json!({ "id": 1_000 + number, "name": format!("No {number} Crowd") }))
        .collect();
    root.gql_ok("mutation($users: [UserInput!]!) { upsertUsers(input: $users) { id } }", json!({ "users": users }))
        .await;
    let last = server.person("Zoë Last").await;
    let group = alice.group("Crowd", &[]).await;
    let ids: Vec<i64> = (1..CROWD as i64 - 1).map(|number| 1_000 + number).collect();
    for ids in [ids, vec![last.id]] {
        alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": ids })).await.ok();
    }
    let everybody = pages(&alice, group, 100).await;
    (alice, last, group, everybody)
}

/// Everybody, read page by page over REST.
async fn pages(person: &Person, group: i64, limit: usize) -> Vec<i64> {
    let (mut everybody, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = person.get(&format!("/conversations/{group}/participants?limit={limit}{cursor}")).await;
        let people = ids(page.data());
        assert!(people.len() <= limit);
        everybody.extend(people);
        match page.body["page"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return everybody,
        }
    }
}

fn ids(people: &Json) -> Vec<i64> {
    let id = |person: &Json| match &person["userId"] {
        Json::String(id) => id.parse().expect("a number"),
        id => id.as_i64().expect("a number"),
    };
    people.as_array().expect("a list").iter().map(id).collect()
}

#[tokio::test]
async fn a_conversation_shows_its_first_hundred_and_always_the_viewer() {
    let server = Server::start().await;
    let (alice, last, group, everybody) = crowd(&server).await;
    assert_eq!((everybody.len(), everybody[0], everybody[CROWD - 1]), (CROWD, alice.id, last.id));
    assert_eq!(pages(&last, group, 7).await, everybody, "in pages of any size");
    let path = format!("/conversations/{group}");
    let seen = alice.get(&path).await.ok();
    assert_eq!((ids(&seen["participants"]), &seen["participantCount"]), (everybody[..100].to_vec(), &json!(CROWD)));
    let mut with_last = everybody[..99].to_vec();
    with_last.push(last.id);
    for seen in [last.get(&path).await.ok(), last.get("/conversations").await.ok()[0].clone()] {
        assert_eq!((ids(&seen["participants"]), &seen["participantCount"]), (with_last.clone(), &json!(CROWD)));
    }
    let query = "query($id: ID!) { conversation(id: $id) { participantCount participants { userId } } }";
    let seen = last.gql_ok(query, json!({ "id": group })).await["conversation"].take();
    assert_eq!((ids(&seen["participants"]), &seen["participantCount"]), (with_last, &json!(CROWD)));
}

#[tokio::test]
async fn what_is_told_of_a_large_group_shows_each_listener_among_the_first_and_tells_nobody_that_they_left() {
    let server = Server::start().await;
    let (alice, last, group, everybody) = crowd(&server).await;
    let changes =
        "subscription { conversationChanges { event conversation { participantCount participants { userId } } } }";
    let mut stomp = [
        alice.stomp_on(crate::stomp_client::Carrier::Raw, &["conversations"]).await,
        last.stomp_on(crate::stomp_client::Carrier::Raw, &["conversations"]).await,
    ];
    let mut sockets = [alice.subscribe(changes).await, last.subscribe(changes).await];
    alice.put(&format!("/conversations/{group}"), json!({ "name": "\"participants\":[{}] of a crowd" })).await.ok();
    let mut with_last = everybody[..99].to_vec();
    with_last.push(last.id);
    for (place, expected) in [everybody[..100].to_vec(), with_last].into_iter().enumerate() {
        let heard = stomp[place].message("conversations").await;
        assert_eq!((&heard["event"], &heard["participantCount"]), (&json!("updated"), &json!(CROWD)));
        assert_eq!((ids(&heard["participants"]), &heard["muted"]), (expected.clone(), &json!(false)));
        let heard = sockets[place].event().await["conversationChanges"].clone();
        assert_eq!(ids(&heard["conversation"]["participants"]), expected);
    }
    // Somebody who is not shown is removed, and somebody who is shown leaves: the next one moves up.
    alice.delete(&format!("/conversations/{group}/participants/{}", everybody[120])).await.ok();
    alice.delete(&format!("/conversations/{group}/participants/{}", everybody[1])).await.ok();
    let seen = alice.get(&format!("/conversations/{group}")).await.ok();
    assert_eq!((ids(&seen["participants"])[1], &seen["participantCount"]), (everybody[2], &json!(CROWD - 2)));
    assert_eq!(ids(&seen["participants"])[99], everybody[100]);
}

#[tokio::test]
async fn participants_are_found_by_the_beginnings_of_the_words_of_their_names_page_by_page() {
    let server = Server::start().await;
    let (alice, last, group, _) = crowd(&server).await;
    let query = "query($id: ID!, $search: String, $after: String, $first: Int) { conversation(id: $id) { \
        participantsPage(search: $search, after: $after, first: $first) { nodes { userId userName } \
        pageInfo { hasNextPage hasPreviousPage endCursor } } } }";
    let ask = async |search: &str, first: i64, after: Option<&str>| {
        let variables = json!({ "id": group, "search": search, "first": first, "after": after });
        alice.gql_ok(query, variables).await["conversation"]["participantsPage"].take()
    };
    for (search, found) in
        [("zoË", 1), ("la", 1), ("ast", 0), ("no 127 crowd", 1), ("12", 10), ("crowd alice", 0), ("!", 0)]
    {
        let page = ask(search, 50, None).await;
        assert_eq!(ids(&page["nodes"]).len(), found, "{search}");
        assert_eq!(page["pageInfo"]["hasNextPage"], json!(false));
    }
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = ask("CROWD", 40, after.as_deref()).await;
        found.extend(ids(&page["nodes"]));
        assert_eq!(page["pageInfo"]["hasPreviousPage"], json!(after.is_some()));
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].as_str().map(str::to_owned);
    }
    assert_eq!(found, (1..CROWD as i64 - 1).map(|number| 1_000 + number).collect::<Vec<_>>());
    for search in ["", "  ", &"a".repeat(201)] {
        let refused = alice.gql_refused(query, json!({ "id": group, "search": search })).await;
        assert_eq!(refused, ("BAD_REQUEST".to_owned(), "A search query must have 1 to 200 characters".to_owned()));
    }
    let outside = server.person("Outside").await;
    let path = format!("/conversations/{group}/participants");
    outside.get(&path).await.refused_with(403, "FORBIDDEN");
    for bad in ["cursor=AAAA", "cursor=", "limit=0"] {
        last.get(&format!("{path}?{bad}")).await.refused_with(400, "BAD_REQUEST");
    }
}
