//! People by name: whom one finds, by which words, page by page (protocol §13, front ends).

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::{Server, token};
use crate::sockets::until;
use confab::config::Directory;

const FIND: &str = "query($search: String, $first: Int, $after: String) { users(search: $search, first: $first, after: $after) \
                    { edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage endCursor } } }";

async fn page(person: &Person, variables: Json) -> Json {
    person.gql_ok(FIND, variables).await["users"].take()
}

fn names(page: &Json) -> Vec<&str> {
    let edges = page["edges"].as_array().expect("edges");
    edges.iter().map(|edge| edge["node"]["name"].as_str().expect("a name")).collect()
}

async fn found(person: &Person, search: &str) -> BTreeSet<String> {
    let page = page(person, json!({ "search": search })).await;
    let found: BTreeSet<String> = names(&page).into_iter().map(str::to_owned).collect();
    assert_eq!(found.len(), names(&page).len(), "nobody is found twice: {page}");
    found
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// All names, in pages of so many.
async fn all(person: &Person, search: Option<&str>, first: usize) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), Json::Null);
    loop {
        let page = page(person, json!({ "search": search, "first": first, "after": after })).await;
        assert_eq!(page["pageInfo"]["hasPreviousPage"], !after.is_null());
        all.extend(names(&page).into_iter().map(str::to_owned));
        if page["pageInfo"]["hasNextPage"] == false {
            return all;
        }
        assert_eq!(names(&page).len(), first);
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[tokio::test]
async fn one_finds_the_people_of_ones_conversations_and_nobody_else() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice Ahorn").await, server.person("Bob Ahorn").await);
    let (carol, dave) = (server.person("Carol Ahorn").await, server.person("Dave Ahorn").await);
    assert_eq!(found(&alice, "ahorn").await, set(&[]), "who is in no conversation finds nobody");
    let group = alice.group("Team", &[&bob]).await;
    alice.direct(&dave).await;
    assert_eq!(found(&alice, "ahorn").await, set(&["Alice Ahorn", "Bob Ahorn", "Dave Ahorn"]));
    assert_eq!(found(&bob, "ahorn").await, set(&["Alice Ahorn", "Bob Ahorn"]));
    assert_eq!(found(&carol, "ahorn").await, set(&[]));
    alice.delete(&format!("/conversations/{group}/participants/{}", bob.id)).await.ok();
    assert_eq!(found(&alice, "ahorn").await, set(&["Alice Ahorn", "Dave Ahorn"]));
    assert_eq!(found(&bob, "ahorn").await, set(&[]));
    let root = server.administrator("Root").await;
    assert_eq!(found(&root, "ahorn").await.len(), 4, "an administrator finds everybody");
}

#[tokio::test]
async fn names_are_found_by_the_beginnings_of_their_words_wherever_one_looks() {
    for directory in [Directory::Shared, Directory::Everyone] {
        let server = Server::start_with(|config| config.users.directory = directory).await;
        let alice = server.person("Ada King-Noel").await;
        let mut others = Vec::new();
        for name in ["Đà Nẵng", "Ann Anna Annabel", "Zoë O'Neill", "田中太郎", "100% Bob_by", "Straße Café"]
        {
            others.push(server.person(name).await);
        }
        alice.group("Team", &others.iter().collect::<Vec<_>>()).await;
        for (search, names) in [
            ("ada", vec!["Ada King-Noel"]),
            ("noel K", vec!["Ada King-Noel"]),
            ("oel", vec![]),
            ("da nang", vec!["Đà Nẵng"]),
            ("ann", vec!["Ann Anna Annabel"]),
            ("anna ann", vec!["Ann Anna Annabel"]),
            ("ZOE", vec!["Zoë O'Neill"]),
            ("neill", vec!["Zoë O'Neill"]),
            ("太郎", vec!["田中太郎"]),
            ("田", vec!["田中太郎"]),
            ("中郎", vec![]),
            ("%", vec![]),
            ("_", vec![]),
            ("bob", vec!["100% Bob_by"]),
            ("strasse cafe", vec!["Straße Café"]),
            ("strasse bob", vec![]),
        ] {
            assert_eq!(found(&alice, search).await, set(&names), "{directory:?} {search}");
            // Participants of a conversation are searched alike.
            let query = "query($search: String!) { conversations { nodes { participantsPage(search: $search) { nodes { userName } } } } }";
            let listed = alice.gql_ok(query, json!({ "search": search })).await;
            let listed = listed["conversations"]["nodes"][0]["participantsPage"]["nodes"].clone();
            let listed: BTreeSet<String> = listed
                .as_array()
                .expect("a list")
                .iter()
                .map(|one| one["userName"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(listed, set(&names), "{search}");
        }
        for bad in ["", "  ", &"x".repeat(201)] {
            assert_eq!(alice.gql_refused(FIND, json!({ "search": bad })).await.0, "BAD_REQUEST", "{bad}");
        }
        for after in ["7", "nonsense", "Nw"] {
            let refused = alice.gql_refused(FIND, json!({ "search": "a", "after": after })).await;
            assert_eq!(refused, ("BAD_REQUEST".to_owned(), "The cursor is not valid".to_owned()), "{after}");
        }
    }
}

#[tokio::test]
async fn everybody_or_nobody_is_found_where_the_setting_says_so() {
    let server = Server::start_with(|config| config.users.directory = Directory::Everyone).await;
    let alice = server.person("Alice").await;
    server.person("Bob").await;
    assert_eq!(found(&alice, "bob").await, set(&["Bob"]));
    assert_eq!(all(&alice, None, 1).await, ["Alice", "Bob"]);
    let server = Server::start_with(|config| config.users.directory = Directory::None).await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    alice.direct(&bob).await;
    assert_eq!(found(&alice, "bob").await, set(&[]));
    assert_eq!(all(&alice, None, 10).await, Vec::<String>::new());
    let root = server.administrator("Root").await;
    assert_eq!(found(&root, "bob").await, set(&["Bob"]));
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repeat() {
    for directory in [Directory::Shared, Directory::Everyone] {
        let server = Server::start_with(|config| config.users.directory = directory).await;
        let root = server.administrator("Root").await;
        let people: Vec<Json> =
            (1..=450).map(|n| json!({ "id": 1_000 + n, "name": format!("Member {n} of many Mem{}", n % 7) })).collect();
        for some in people.chunks(150) {
            let upsert = "mutation($input: [UserInput!]!) { upsertUsers(input: $input) { id } }";
            root.gql_ok(upsert, json!({ "input": some })).await;
        }
        let ids: Vec<i64> = (1_001..=1_200).collect();
        let more: Vec<i64> = (1_201..=1_450).collect();
        let group = root.post("/conversations", json!({ "name": "Crowd", "participantIds": ids })).await.ok();
        let path = format!("/conversations/{}/participants", group["id"]);
        root.post(&path, json!({ "userIds": more })).await.ok();
        let alice = server.somebody(1_001, &token(json!({ "sub": 1_001 })), "Member 1");
        let in_pages = all(&alice, Some("mem"), 100).await;
        assert_eq!(in_pages.len(), 450, "{directory:?}");
        assert_eq!(in_pages.iter().collect::<BTreeSet<_>>().len(), 450, "{directory:?}");
        assert_eq!(all(&alice, Some("mem"), 7).await, in_pages, "{directory:?}");
        assert_eq!(all(&alice, None, 100).await.len(), 451, "{directory:?}");
        // One of them, after many that match one of the words.
        assert_eq!(found(&alice, "member 449 many").await.len(), 1, "{directory:?}");
        let none = page(&alice, json!({ "search": "mem", "first": 0 })).await;
        assert_eq!((names(&none).len(), &none["pageInfo"]["hasNextPage"]), (0, &json!(true)));
    }
}

#[tokio::test]
async fn a_new_name_is_found_and_an_old_one_is_not_whoever_wrote_it() {
    let server = Server::start_with(|config| config.users.directory = Directory::Everyone).await;
    let alice = server.person("Alice").await;
    let bob = server.person("Bob").await;
    let renamed = server.somebody(bob.id, &token(json!({ "sub": bob.id, "name": "Robert" })), "Robert");
    renamed.get("/conversations/unread").await.ok();
    assert_eq!((found(&alice, "bob").await, found(&alice, "rob").await), (set(&[]), set(&["Robert"])));
    // A program that does not know of words changes the name alone.
    server.meddle("UPDATE chat_users SET name = 'Rupert' WHERE name = 'Robert'", Vec::new()).await;
    until("the words of the new name are written", async || found(&alice, "rup").await == set(&["Rupert"])).await;
    assert_eq!(found(&alice, "rob").await, set(&[]));
}

#[tokio::test]
async fn looking_for_people_counts_as_a_search() {
    let server = Server::start_with(|config| config.limits.searches_per_minute = 2).await;
    let alice = server.person("Alice").await;
    found(&alice, "a").await;
    page(&alice, json!({})).await;
    assert_eq!(alice.gql_refused(FIND, json!({ "search": "a" })).await.0, "RATE_LIMITED");
    let six: String = (0..6).map(|n| format!(" u{n}: users(first: 1) {{ nodes {{ id }} }}")).collect();
    assert_eq!(alice.gql_refused(&format!("{{ {six} }}"), json!({})).await.0, "BAD_REQUEST");
}
