//! A town of two sizes, made through the doors: a long conversation in which one of them has read nothing, somebody in
//! many conversations, a large group, and all the events that come of it.

use futures_util::{StreamExt, stream};
use sea_orm::{ConnectionTrait, Database};
use serde_json::json;

use crate::bulk;
use crate::person::Person;
use crate::server::{Server, token};

/// What the smaller town has; the larger one has so many times more.
const MESSAGES: usize = 100;
pub const CONVERSATIONS: usize = 10;
/// As many as a conversation carries, so that no more are returned of the larger group.
const MEMBERS: usize = 100;
/// People who are named in one call.
const NAMED_TOGETHER: usize = 200;
/// The ids of the members of the large group.
const FIRST_MEMBER: i64 = 1_001;
/// Requests that are under way together while the town is made.
const TOGETHER: usize = 16;

pub struct Town {
    pub server: Server,
    /// Has written everything in the long conversation.
    pub alice: Person,
    /// Is in that conversation and a quiet one, and has read nothing.
    pub bob: Person,
    /// Is in many conversations.
    pub carol: Person,
    /// Is in all of those, too.
    pub greta: Person,
    /// Owns the large group.
    pub dave: Person,
    /// A member of it.
    pub member: Person,
    pub root: Person,
    pub room: i64,
    pub crowd: i64,
    /// The first one of Carol's many.
    pub shop: i64,
    /// The messages of the long conversation, oldest first. Half of them are replies to the first.
    pub messages: Vec<i64>,
    /// Where the log began.
    pub start: String,
}

impl Town {
    pub async fn of(size: usize) -> Self {
        let mut server = Server::start_with(|config| {
            config.database.count_work = true;
            // Whoever is here stays, however long all of it takes.
            config.chat.presence_stale_threshold_minutes = 1_000;
        })
        .await;
        let alice = server.person("Alice").await;
        let start = cursor(&alice).await;
        let (bob, carol, dave) =
            (server.person("Bob").await, server.person("Carol").await, server.person("Dave").await);
        let (frank, greta) = (server.person("Frank").await, server.person("Greta").await);
        let root = server.administrator("Root").await;
        alice.send(alice.group("Quiet", &[&bob]).await, "hello").await;
        let room = alice.group("Room", &[&bob, &frank]).await;
        let messages = fill(&alice, room, MESSAGES * size).await;
        for read in messages.chunks(10).map(|some| some[0]) {
            let up_to = json!({ "lastReadMessageId": read });
            frank.post(&format!("/conversations/{room}/read"), up_to).await.ok();
        }
        // Another one who has read something: else a planner thinks that nobody but Frank ever does.
        read_elsewhere(&alice, &carol).await;
        let shops = (0..CONVERSATIONS * size).map(|number| {
            let (greta, carol) = (&greta, &carol);
            async move {
                let shop = greta.group(&format!("Shop {number}"), &[carol]).await;
                greta.send(shop, "open").await;
                shop
            }
        });
        let shops: Vec<i64> = stream::iter(shops).buffered(TOGETHER).collect().await;
        let (crowd, member) = crowd(&server, &root, &dave, MEMBERS * size).await;
        // As in a quiet moment: a planner that was told of many conversations that have just moved reads others first.
        bulk::until_carried(&server).await;
        analyze(&server).await;
        // Its connections read what was found out about the tables when they are opened.
        server.stop().await;
        server.resume().await;
        let here = |person: &Person| person.at(server.address);
        let (alice, bob, carol, greta) = (here(&alice), here(&bob), here(&carol), here(&greta));
        let (dave, member, root) = (here(&dave), here(&member), here(&root));
        Self { server, alice, bob, carol, greta, dave, member, root, room, crowd, shop: shops[0], messages, start }
    }
}

async fn read_elsewhere(alice: &Person, carol: &Person) {
    let other = alice.direct(carol).await;
    for _ in 0..5 {
        alice.send(other, "hello").await;
        carol.post(&format!("/conversations/{other}/read"), json!({})).await.ok();
    }
}

/// Messages of which one has a word of its own, every fourth another, and all a third.
async fn fill(sender: &Person, room: i64, count: usize) -> Vec<i64> {
    let first = sender.send(room, "a needle of this number").await;
    let sends = (1..count).map(|number| async move {
        let word = if number % 4 == 0 { "fourth" } else { "other" };
        let mut input = json!({ "content": format!("the {word} number") });
        if number % 2 == 0 {
            input["parentMessageId"] = json!(first);
        }
        let sent = sender.post(&format!("/conversations/{room}/messages"), input).await.ok();
        sent["id"].as_i64().expect("an id")
    });
    let mut messages: Vec<i64> = stream::iter(sends).buffer_unordered(TOGETHER).collect().await;
    messages.push(first);
    messages.sort_unstable();
    messages
}

/// A group of so many, all of whom have said how they are, and one of them.
async fn crowd(server: &Server, root: &Person, owner: &Person, count: usize) -> (i64, Person) {
    let ids: Vec<i64> = (FIRST_MEMBER..).take(count).collect();
    let upsert = "mutation($input: [UserInput!]!) { upsertUsers(input: $input) { id } }";
    for ids in ids.chunks(NAMED_TOGETHER) {
        let users: Vec<_> =
            ids.iter().map(|id| json!({ "id": id.to_string(), "name": format!("Member {id}") })).collect();
        root.gql_ok(upsert, json!({ "input": users })).await;
    }
    let mut portions = ids.chunks(NAMED_TOGETHER);
    let first = portions.next().expect("somebody");
    let group = owner.post("/conversations", json!({ "name": "Crowd", "participantIds": first })).await.ok();
    let group = group["id"].as_i64().expect("an id");
    for more in portions {
        owner.post(&format!("/conversations/{group}/participants"), json!({ "userIds": more })).await.ok();
    }
    for number in 0..10 {
        owner.send(group, &format!("welcome {number}")).await;
    }
    let members = ids.iter().map(|id| server.somebody(*id, &token(json!({ "sub": id })), "Member"));
    let told = members.map(|member| async move {
        let status = json!({ "status": "ONLINE" });
        assert_eq!(member.put("/presence/status", status).await.status, 200);
        member
    });
    let members: Vec<Person> = stream::iter(told).buffered(TOGETHER).collect().await;
    (group, members[0].clone())
}

/// Where the log stands.
pub async fn cursor(person: &Person) -> String {
    person.get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned()
}

/// Has the database find out about its tables, as a server that is used for long would. PostgreSQL reads a table of a few
/// pages as a whole, which says nothing of how it reads a large one. Making a plan reads tables, too, so it makes one each
/// time: else one of two towns may keep its plans from the sixth time on, and the other one none.
pub async fn analyze(server: &Server) {
    let connection = Database::connect(server.database_url()).await.expect("the database answers");
    let statements = match server.postgres() {
        Some((_, name)) => vec![
            "VACUUM ANALYZE".to_owned(),
            format!("ALTER DATABASE {name} SET enable_seqscan = off"),
            format!("ALTER DATABASE {name} SET random_page_cost = 1.1"),
            format!("ALTER DATABASE {name} SET plan_cache_mode = force_custom_plan"),
        ],
        None => vec!["ANALYZE".to_owned()],
    };
    for sql in statements {
        connection.execute_unprepared(&sql).await.expect("it does as it is told");
    }
    connection.close().await.ok();
}
