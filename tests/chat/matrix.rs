//! Who may do what: everybody × every operation × every door against one table (protocol §2, §4, §8.7).

pub mod doors;
pub mod operations;
pub mod scene;
pub mod stomp;

use futures_util::{StreamExt, stream};
use serde_json::{Value as Json, json};

use crate::server::Server;
use doors::{Came, DOORS, Door};
use operations::{OPERATIONS, Operation};
use scene::{EVERYBODY, People, Scene, Who};

const NOT_A_PARTICIPANT: &str = "You are not a participant in this conversation";
/// Cells that are tried at once.
const AT_ONCE: usize = 8;

struct Cell {
    operation: &'static Operation,
    door: Door,
    who: Who,
}

impl Cell {
    fn expected(&self) -> &'static str {
        self.operation.outcome(self.who as usize)
    }

    fn wrong(&self, expected: &str, came: &Came) -> Option<String> {
        let Self { operation, door, who } = self;
        let outside = matches!(who, Who::Removed | Who::Stranger) && expected == "FORBIDDEN";
        let right = came.code == expected && (!outside || came.sentence.ends_with(NOT_A_PARTICIPANT));
        (!right).then(|| format!("{who:?} may {} by {door:?}: {expected} was expected, not {came:?}", operation.name))
    }
}

fn cells(of: impl Fn(&Cell) -> bool) -> Vec<Cell> {
    let all = OPERATIONS.iter().flat_map(|operation| {
        DOORS
            .into_iter()
            .filter(|door| door.has(operation))
            .flat_map(move |door| EVERYBODY.into_iter().map(move |who| Cell { operation, door, who }))
    });
    all.filter(of).collect()
}

/// Tries the cells in one scene; what came out wrong.
async fn try_all(
    server: &Server,
    people: &People,
    scene: &Scene,
    cells: &[Cell],
    expected: Option<&str>,
) -> Vec<String> {
    let tried = stream::iter(cells).map(|cell| async move {
        let came = cell.door.pass(server.address, people, cell.operation, scene, cell.who).await;
        let expected = expected.filter(|_| cell.who != Who::Anonymous).unwrap_or_else(|| cell.expected());
        cell.wrong(expected, &came)
    });
    tried.buffer_unordered(AT_ONCE).filter_map(|wrong| async { wrong }).collect().await
}

fn all_right(cells: usize, wrong: &[String]) {
    assert!(wrong.is_empty(), "{} of {cells} cells:\n{}", wrong.len(), wrong.join("\n"));
    println!("{cells} cells");
}

#[tokio::test]
async fn everybody_may_do_at_every_door_exactly_what_the_table_says() {
    let server = Server::start().await;
    let people = People::meet(&server).await;

    let shared = people.group("Shared").await;
    let outside = cells(|cell| !cell.who.is_inside());
    let before = people.look(&shared).await;
    let mut wrong = try_all(&server, &people, &shared, &outside, None).await;
    assert_eq!(people.look(&shared).await, before, "somebody outside changed something: {wrong:#?}");

    let inside = cells(|cell| cell.who.is_inside() && !cell.operation.spoils);
    wrong.extend(try_all(&server, &people, &shared, &inside, None).await);

    let spoiling = cells(|cell| cell.who.is_inside() && cell.operation.spoils);
    let tried = stream::iter(&spoiling).map(|cell| {
        let (server, people) = (&server, &people);
        async move {
            let scene = people.group("Fresh").await;
            let before = people.look(&scene).await;
            let came = cell.door.pass(server.address, people, cell.operation, &scene, cell.who).await;
            let changed = people.look(&scene).await != before;
            let unheeded = (changed != (came.code == "OK"))
                .then(|| format!("{:?} by {:?}: {} and yet {before}", cell.who, cell.door, cell.operation.name));
            cell.wrong(cell.expected(), &came).or(unheeded)
        }
    });
    wrong.extend(tried.buffer_unordered(AT_ONCE).filter_map(|wrong| async { wrong }).collect::<Vec<_>>().await);
    all_right(outside.len() + inside.len() + spoiling.len(), &wrong);
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_closed_is_not_found_by_anybody() {
    let server = Server::start().await;
    let people = People::meet(&server).await;
    let closed = people.group("Closed").await;
    let delete = "mutation($c: ID!) { deleteConversation(conversationId: $c) }";
    people.named("owner").gql_ok(delete, json!({ "c": closed.group.to_string() })).await;
    let cells = cells(|cell| !cell.operation.is_about_people());
    let mut wrong = try_all(&server, &people, &closed, &cells, Some("NOT_FOUND")).await;
    wrong.extend(try_all(&server, &people, &Scene::nowhere(), &cells, Some("NOT_FOUND")).await);
    all_right(2 * cells.len(), &wrong);
}

#[tokio::test]
async fn a_direct_conversation_is_closed_to_every_third_person() {
    let server = Server::start().await;
    let people = People::meet(&server).await;
    let direct = people.direct().await;
    let before = people.look(&direct).await;
    let cells = cells(|cell| matches!(cell.who, Who::Stranger | Who::Anonymous));
    let wrong = try_all(&server, &people, &direct, &cells, None).await;
    assert_eq!(people.look(&direct).await, before, "{wrong:#?}");
    all_right(cells.len(), &wrong);
}

#[tokio::test]
async fn messages_of_another_conversation_are_no_way_into_it() {
    let server = Server::start().await;
    let people = People::meet(&server).await;
    let (owner, stranger) = (people.named("owner"), people.named("stranger"));
    let foreign = people.group("Foreign").await;
    let mine = stranger.group("Mine", &[]).await;
    let parent = json!({ "content": "Hello", "parentMessageId": foreign.own[0] });
    stranger.post(&format!("/conversations/{mine}/messages"), parent).await.refused_with(404, "NOT_FOUND");
    let read = json!({ "lastReadMessageId": foreign.own[0] });
    stranger.post(&format!("/conversations/{mine}/read"), read).await.refused_with(404, "NOT_FOUND");
    let mine = Scene { group: mine, ..foreign.clone() };
    for (name, code) in [("reply", "NOT_FOUND"), ("mark as read up to a message", "NOT_FOUND"), ("react", "FORBIDDEN")]
    {
        let operation = OPERATIONS.iter().find(|operation| operation.name == name).expect("an operation");
        for door in [Door::Rest, Door::Graphql, Door::Stomp] {
            let came = door.pass(server.address, &people, operation, &mine, Who::Stranger).await;
            assert_eq!(came.code, code, "{name} by {door:?}: {came:?}");
        }
    }
    let receipts = owner.get(&format!("/messages/{}/read-receipts", foreign.own[0])).await.ok();
    assert_eq!(receipts, json!([]));
}

#[tokio::test]
async fn lists_hold_exactly_the_conversations_that_their_reader_is_in() {
    let server = Server::start().await;
    let people = People::meet(&server).await;
    let cursor = people.named("owner").get("/events").await.body["page"]["next"].clone();
    let scene = people.group("Wordy Shared").await;
    let cursor = cursor.as_str().expect("a cursor");
    for who in EVERYBODY {
        let Some(caller) = people.caller(who) else { continue };
        let person = &caller.person;
        let graphql = "query($after: String) {
            conversations { edges { node { id name } } }
            found: conversations(search: \"wordy\") { edges { node { id } } }
            searchMessages(query: \"word\") { edges { snippet node { id content } } }
            unread { conversations { conversationId } }
            sync(after: $after) { events { __typename
                ... on MessageEvent { message { id } } ... on ReactionEvent { reaction { messageId } }
                ... on ConversationEvent { change { conversation { id } } } } } }";
        let all = person.gql_ok(graphql, json!({ "after": cursor })).await;
        let filled = |list: &Json| !list["edges"].as_array().expect("edges").is_empty();
        for list in ["conversations", "found", "searchMessages"] {
            assert_eq!(filled(&all[list]), who.is_inside(), "{who:?} {list}: {all}");
        }
        let unread = all["unread"]["conversations"].as_array().expect("a list");
        assert_eq!(!unread.is_empty(), who.is_inside(), "{who:?}: {all}");
        let told = all["sync"]["events"].as_array().expect("a list").len();
        let replayed = person.get(&format!("/events?after={cursor}&limit=100")).await.ok();
        assert_eq!(replayed.as_array().expect("a list").len(), told, "{who:?}");
        match who {
            Who::Removed => assert_eq!(replayed[0]["type"], "participant.removed"),
            Who::Stranger => {}
            _ => assert!(told > 8, "{who:?}: {replayed}"),
        }
        assert_eq!(told, if who.is_inside() { told } else { usize::from(who == Who::Removed) }, "{who:?}: {replayed}");
        for path in ["/conversations", "/conversations/search?query=wordy", "/conversations/unread"] {
            let listed = person.get(path).await;
            let names_it = listed.text.contains(&format!("\"id\":{},", scene.group))
                || listed.text.contains(&format!("\"conversationId\":{},", scene.group));
            assert_eq!(names_it, who.is_inside(), "{who:?} {path}: {}", listed.text);
        }
        let bystander = people.named("bystander").id;
        let asked = person.post("/presence/users", json!([bystander])).await.ok();
        let ids = json!({ "ids": [bystander.to_string()] });
        let by_graphql = person.gql_ok("query($ids: [ID!]!) { presence(userIds: $ids) { userId } }", ids).await;
        for list in [&asked, &by_graphql["presence"]] {
            assert_eq!(list.as_array().map(Vec::len), Some(usize::from(who.is_inside())), "{who:?}: {list}");
        }
    }
}
