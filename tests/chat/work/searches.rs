//! How much a search looks at before it asks its index, and what it does with what the index names in vain. Work is
//! counted, and not time.

use serde_json::json;

use super::meter::Meter;
use super::town::analyze;
use crate::person::Person;
use crate::server::Server;

/// Rooms of whoever is in as many as are looked into one by one. One more, and it is the nearest messages of all.
const SCANNED: usize = 8;

/// Puts `$2` messages with the words `$4` into the conversation of the message `$1`, behind all that there are; `$3` says
/// what they have in common with it besides.
const MANY: &str = "INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, content, search_words, \
     created_at, number, sender_number) \
     WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $2) \
     SELECT (SELECT MAX(id) FROM chat_messages) + n, m.conversation_id, m.sender_id, m.message_type, CAST($3 AS text), \
     CAST($4 AS text), m.created_at, m.number + n, m.sender_number + n FROM n, chat_messages m WHERE m.id = $1";
/// What whoever inserts messages has to write to their conversations.
const COUNT: &str = "UPDATE chat_conversations SET \
     message_count = (SELECT count(*) FROM chat_messages m WHERE m.conversation_id = chat_conversations.id), \
     last_message_id = (SELECT max(id) FROM chat_messages m WHERE m.conversation_id = chat_conversations.id) \
     WHERE last_message_id IS NOT NULL";

/// A server whose work is counted, and somebody in `rooms` with `messages` in each: `straw` but for the newest 100, of
/// which every twentieth is `gold`, or where `pairs` hold all of 東京 and 京都 and never 東京都.
async fn told(rooms: usize, messages: i64, pairs: bool) -> (Server, Person, i64) {
    let mut server = Server::start_with(|config| config.database.count_work = true).await;
    let alice = server.person("Alice").await;
    let mut rooms_begun = Vec::new();
    for room in 0..rooms {
        let room = alice.group(&format!("Room {room}"), &[]).await;
        rooms_begun.push((room, alice.send(room, "begins").await));
    }
    let words = if pairs { "東京 京 京都 都" } else { "straw" };
    let newest = [(19, "straw"), (1, "gold")].repeat(5);
    for (_, sent) in &rooms_begun {
        for (count, words) in [(messages, words)].iter().chain(&newest) {
            server.meddle(MANY, vec![(*sent).into(), (*count).into(), "told".into(), (*words).into()]).await;
        }
    }
    server.meddle(COUNT, vec![]).await;
    server.meddle("UPDATE chat_log SET message_id = (SELECT MAX(id) FROM chat_messages)", vec![]).await;
    analyze(&server).await;
    server.stop().await;
    server.resume().await;
    let alice = alice.at(server.address);
    (server, alice, rooms_begun[0].0)
}

/// What a search in one room, or in all, costs; it finds so many.
async fn cost(server: &Server, person: &Person, query: &str, room: Option<i64>, found: usize) -> u64 {
    let document = "query($q: String!, $c: ID) { searchMessages(query: $q, conversationId: $c) { edges { cursor } } }";
    let search = async || {
        let asked = json!({ "q": query, "c": room.map(|room| room.to_string()) });
        let answer = person.gql_ok(document, asked).await;
        assert_eq!(answer["searchMessages"]["edges"].as_array().map(Vec::len), Some(found), "{query}");
    };
    let mut meter = Meter::of(server).await;
    meter.warm_up(&search).await;
    meter.count(query, &search).await;
    let cost = meter.counts()[0].1;
    println!("{query} {room:?}: {cost}");
    cost
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_looks_at_a_bounded_number_of_messages_before_it_asks_its_index() {
    let (server, alice, room) = told(1, 2_500, false).await;
    let (large, bob, hall) = told(1, 25_000, false).await;
    // A word that nobody said: 100 messages are looked at, however many there are.
    let in_vain = cost(&server, &alice, "diamond", Some(room), 0).await;
    let in_vain_of_many = cost(&large, &bob, "diamond", Some(hall), 0).await;
    assert!(in_vain_of_many <= in_vain * 3 / 2, "{in_vain_of_many} in a long history, {in_vain} in a short one");
    // One that five of the newest 100 have promises a page after 1,530, which are looked at, too, and no more.
    let promising = cost(&server, &alice, "gold", Some(room), 5).await;
    let promising_of_many = cost(&large, &bob, "gold", Some(hall), 5).await;
    assert!(promising > in_vain * 3, "{promising} for what seems to be common, {in_vain} for what nobody said");
    assert!(promising <= in_vain * 20, "{promising} for 20 times as many messages at most, {in_vain} for 100");
    assert!(
        promising_of_many <= promising * 3 / 2,
        "{promising_of_many} in a long history, {promising} in a short one"
    );
    drop((server, large));

    // In each of eight rooms; with more of them it is 100 of all.
    let (eight, carol, one) = told(SCANNED, 300, false).await;
    let (nine, dave, _) = told(SCANNED + 1, 300, false).await;
    let in_one = cost(&eight, &carol, "diamond", Some(one), 0).await;
    let in_eight = cost(&eight, &carol, "diamond", None, 0).await;
    let in_nine = cost(&nine, &dave, "diamond", None, 0).await;
    assert!(in_eight <= in_one * 9, "{in_eight} in eight rooms, {in_one} in one of them");
    assert!(in_nine <= in_eight * 3 / 2, "{in_nine} in nine rooms, {in_eight} in eight");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_index_names_in_another_order_is_looked_at_once() {
    let (few, alice, room) = told(1, 1_000, true).await;
    let (many, bob, hall) = told(1, 8_000, true).await;
    let of_few = cost(&few, &alice, "東京都", Some(room), 0).await;
    let of_many = cost(&many, &bob, "東京都", Some(hall), 0).await;
    // The index is asked anew for each four times as many.
    assert!(of_many <= of_few * 16, "{of_many} for eight times as many messages, {of_few} for 1,000");
}
