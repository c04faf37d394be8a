//! Everything that a person sees through a door, in the form of the model.

use serde_json::{Value as Json, json};

use super::doors::{each, id, message, room};
use super::requests::{MESSAGE, conversation};
use super::view::View;
use crate::person::Person;

/// Over REST: all but who read and who reacted, which [`of_message`] brings.
pub async fn by_rest(person: &Person) -> View {
    let get = |path: String| async move { person.get(&path).await.ok() };
    let (rooms, archive, unread) = tokio::join!(
        get("/conversations?limit=100".into()),
        get("/conversations?archived=true&limit=100".into()),
        get("/conversations/unread".into()),
    );
    let mut view = View::from([
        ("rooms".into(), each(&rooms, room)),
        ("archive".into(), each(&archive, room)),
        ("unread".into(), self::unread(&unread)),
    ]);
    for listed in [rooms, archive].iter().flat_map(|list| list.as_array().into_iter().flatten()) {
        let messages = get(format!("/conversations/{}/messages?limit=100", listed["id"])).await;
        view.insert(format!("messages/{}", listed["id"]), each(&messages, message));
    }
    view
}

/// Who read a message and who reacted to it, over REST.
pub async fn of_message(person: &Person, message: i64, view: &mut View) {
    let receipts = person.get(&format!("/messages/{message}/read-receipts")).await.ok();
    view.insert(format!("receipts/{message}"), each(&receipts, |receipt| receipt["userId"].clone()));
    let reactions = person.get(&format!("/messages/{message}/reactions")).await.ok();
    view.insert(format!("reactions/{message}"), each(&reactions, reaction));
}

/// Over GraphQL: the lists at once, then the messages of each conversation with all that hangs on them.
pub async fn by_graphql(person: &Person) -> View {
    let document = format!(
        "fragment Listed on ConversationConnection {{ nodes {{ {} }} }} \
         query {{ rooms: conversations(archived: false, first: 100) {{ ...Listed }} \
         archive: conversations(archived: true, first: 100) {{ ...Listed }} \
         unread {{ totalUnread conversations {{ conversationId unreadCount }} }} }}",
        conversation()
    );
    let data = person.gql_ok(&document, json!({})).await;
    let (rooms, archive) = (&data["rooms"]["nodes"], &data["archive"]["nodes"]);
    let mut view = View::from([
        ("rooms".into(), each(rooms, room)),
        ("archive".into(), each(archive, room)),
        ("unread".into(), unread(&data["unread"])),
    ]);
    for listed in [rooms, archive].into_iter().flat_map(|list| list.as_array().into_iter().flatten()) {
        let document = format!(
            "query($id: ID!) {{ conversation(id: $id) {{ messages(last: 100) {{ nodes {{ {MESSAGE} \
             readReceipts {{ userId }} reactions {{ emoji userId }} }} }} }} }}"
        );
        let data = person.gql_ok(&document, json!({ "id": listed["id"] })).await;
        let messages = &data["conversation"]["messages"]["nodes"];
        view.insert(format!("messages/{}", id(&listed["id"])), each(messages, message));
        for message in messages.as_array().into_iter().flatten() {
            let number = id(&message["id"]);
            let readers = each(&message["readReceipts"], |receipt| id(&receipt["userId"]));
            view.insert(format!("receipts/{number}"), readers);
            view.insert(format!("reactions/{number}"), each(&message["reactions"], reaction));
            let summary = message["reactionSummary"].as_array().into_iter().flatten();
            let own =
                summary.filter(|count| count["viewerReacted"] == json!(true)).map(|count| count["emoji"].as_str());
            let mut own: Vec<_> = own.collect();
            own.sort_unstable();
            view.insert(format!("reacted/{number}"), json!(own));
        }
    }
    view
}

fn reaction(reaction: &Json) -> Json {
    json!([id(&reaction["userId"]), reaction["emoji"]])
}

fn unread(data: &Json) -> Json {
    let count = |count: &Json| json!([id(&count["conversationId"]), count["unreadCount"]]);
    json!({ "totalUnread": data["totalUnread"], "conversations": each(&data["conversations"], count) })
}

/// Asserts that what was seen is what the model shows: all of its conversations and messages, and of the rest
/// whatever was looked at.
pub fn compare(seen: &View, shown: &View, whose: &str) {
    for (what, shown) in shown {
        match seen.get(what) {
            Some(seen) => same(seen, shown, &format!("{what}, seen by {whose}")),
            None => assert!(
                ["receipts/", "reactions/", "reacted/"].iter().any(|some| what.starts_with(some)),
                "{whose} does not see {what}"
            ),
        }
    }
    for what in seen.keys() {
        assert!(shown.contains_key(what), "{whose} sees {what}, which is not theirs to see");
    }
}

/// Asserts that both are the same, and shows no more than what differs.
pub fn same(seen: &Json, shown: &Json, what: &str) {
    match (seen, shown) {
        (Json::Array(one), Json::Array(other)) if one.len() == other.len() => {
            for (place, (one, other)) in one.iter().zip(other).enumerate() {
                same(one, other, &format!("{what}[{place}]"));
            }
        }
        (Json::Object(one), Json::Object(other)) if one.keys().eq(other.keys()) => {
            for (key, one) in one {
                same(one, &other[key], &format!("{what}.{key}"));
            }
        }
        _ => assert!(seen == shown, "{what}\n  the door: {seen}\n the model: {shown}"),
    }
}
