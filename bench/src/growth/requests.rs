//! Every read and write of the three doors, as the viewer asks for it in a town. The table of `growth` has a row for each.

use serde_json::json;

use super::town::Town;

/// What is asked.
pub enum Ask {
    /// A request, and its answer.
    Rest(&'static str, String, String),
    /// A subscription over SSE, on a connection of its own, until these words have come.
    Stream(String, &'static str),
    /// A SEND, and its receipt.
    Send(&'static str, String),
    /// A new WebSocket, CONNECT and CONNECTED.
    Connect,
    /// A new session that subscribes to a queue after a cursor, until the first event that it missed has come.
    Resume(String),
}

/// A row of the table. `ask` is given the number of the call, for what can be done only once.
pub struct Request {
    pub name: &'static str,
    pub writes: bool,
    pub ask: Box<dyn Fn(i64) -> Ask>,
}

fn get(name: &'static str, path: String) -> Request {
    Request { name, writes: false, ask: Box::new(move |_| Ask::Rest("GET", path.clone(), String::new())) }
}

fn write(name: &'static str, ask: impl Fn(i64) -> Ask + 'static) -> Request {
    Request { name, writes: true, ask: Box::new(ask) }
}

fn graphql(name: &'static str, query: &str) -> Request {
    let body = json!({ "query": query }).to_string();
    Request { name, writes: false, ask: Box::new(move |_| Ask::Rest("POST", "/graphql".to_owned(), body.clone())) }
}

fn rest(method: &'static str, path: String, body: serde_json::Value) -> Ask {
    Ask::Rest(method, path, if body.is_null() { String::new() } else { body.to_string() })
}

/// All of them. `cursor` makes the cursor of a position.
pub fn requests(town: &Town, cursor: impl Fn(i64) -> String) -> Vec<Request> {
    let events = town.messages + (town.conversations - 1) * 5;
    let (middle, stranger) = (town.messages / 2, town.stranger());
    let (beginning, end) = (cursor(0), cursor(events - 1));
    let chat = "/api/chat";
    let one = format!("{chat}/conversations/1");
    let message = |number: i64| format!("/api/chat/messages/{number}");
    let mut all = vec![
        get("REST newest page of 50", format!("{one}/messages?limit=50")),
        get("REST page before the middle", format!("{one}/messages?limit=50&before={middle}")),
        get("REST page after the middle", format!("{one}/messages?limit=50&after={middle}")),
        get("REST conversations, 20", format!("{chat}/conversations?limit=20")),
        get("REST conversations, 5", format!("{chat}/conversations?limit=5")),
        get("REST conversations, 100", format!("{chat}/conversations?limit=100")),
        get("REST one conversation", one.clone()),
        get("REST pinned", format!("{chat}/conversations/pinned")),
        get("REST groups by name", format!("{chat}/conversations/search?query=room")),
        get("REST unread", format!("{chat}/conversations/unread")),
        get("REST search, a word that occurs once", format!("{one}/messages/search?query=zebra")),
        get("REST search, a word of every fourth", format!("{one}/messages/search?query=meeting")),
        get("REST search, a word of every message", format!("{one}/messages/search?query=the")),
        get("REST search, two common words", format!("{one}/messages/search?query=meeting%20project")),
        get("REST attachments (none)", format!("{one}/attachments")),
        get("REST thread", format!("{}/thread", message(Town::own(1)))),
        get("REST read receipts of a message", format!("{}/read-receipts", message(Town::own(1)))),
        get("REST reactions of a message", format!("{}/reactions", message(Town::own(1)))),
        get("REST reaction summary", format!("{}/reactions/summary", message(Town::own(1)))),
        get("REST who is online", format!("{chat}/presence")),
        get("REST presence of one", format!("{chat}/presence/1")),
        get("REST events, all behind the cursor", format!("{chat}/events?limit=50&after={beginning}")),
        get("REST events, one behind the cursor", format!("{chat}/events?limit=50&after={end}")),
        graphql(
            "GraphQL page of 50 with senders",
            "{ conversation(id: 1) { messages(last: 50) { edges { node { id content createdAt sender { id name } } } } } }",
        ),
        graphql(
            "GraphQL conversations, 20",
            "{ conversations(first: 20) { edges { node { id name unreadCount participantCount lastMessage { id content } } } } }",
        ),
        graphql("GraphQL unread", "{ unread { totalUnread } }"),
        graphql(
            "GraphQL search, a word of every fourth",
            "{ searchMessages(query: \"meeting\", first: 20) { edges { node { id } } } }",
        ),
        graphql(
            "GraphQL search, a word of every message",
            "{ searchMessages(query: \"the\", first: 20) { edges { node { id } } } }",
        ),
        graphql(
            "newcomer: GraphQL search, a word of every message",
            "{ searchMessages(query: \"the\", first: 20) { edges { node { id } } } }",
        ),
        graphql("GraphQL participants", "{ conversation(id: 1) { participants { user { id name } role } } }"),
        graphql(
            "GraphQL attachments (none)",
            "{ conversation(id: 1) { attachments(first: 20) { edges { node { id } } } } }",
        ),
        graphql("GraphQL me", "{ me { id name } }"),
        graphql(
            "GraphQL sync, all behind the cursor",
            &format!("{{ sync(after: \"{beginning}\", first: 50) {{ cursor hasMore events {{ __typename }} }} }}"),
        ),
        Request { name: "STOMP connect", writes: false, ask: Box::new(|_| Ask::Connect) },
    ];
    let (first, last) = (beginning.clone(), end.clone());
    let stream = move |after: &str| {
        let query = format!("subscription {{ events(after: \"{after}\") {{ __typename }} }}");
        Ask::Stream(json!({ "query": query }).to_string(), "event: next")
    };
    let again = stream;
    all.extend([
        Request { name: "STOMP resume, one missed", writes: false, ask: Box::new(move |_| Ask::Resume(end.clone())) },
        Request {
            name: "STOMP resume, the first of all",
            writes: false,
            ask: Box::new(move |_| Ask::Resume(beginning.clone())),
        },
        Request { name: "SSE resume, one missed", writes: false, ask: Box::new(move |_| stream(&last)) },
        Request { name: "SSE resume, the first of all", writes: false, ask: Box::new(move |_| again(&first)) },
    ]);
    let send = |number: i64| json!({ "content": format!("the word{number} of somebody") });
    let of = one.clone();
    let at = move |rest: &str| format!("{of}{rest}");
    let (path, marker, settings) = (at.clone(), at.clone(), at.clone());
    all.extend([
        write("REST send", move |n| rest("POST", path("/messages"), send(n))),
        write("REST mark read", move |n| rest("POST", marker("/read"), json!({ "lastReadMessageId": 20 + n }))),
        write("REST edit", move |n| {
            rest("PUT", message(Town::own(n % 5)), json!({ "content": format!("edited {n}") }))
        }),
        write("REST delete", move |n| rest("DELETE", message(Town::own(20 + n)), json!(null))),
        write("REST react", move |n| {
            rest(
                "POST",
                format!("{}/reactions", message(Town::own(60 + n % 30))),
                json!({ "emoji": (EMOJIS[(n / 30) as usize % 3]) }),
            )
        }),
        write("REST toggle a reaction", move |n| {
            rest("POST", format!("{}/reactions/toggle", message(Town::own(91 + n % 3))), json!({ "emoji": "👍" }))
        }),
        write("REST mute", move |n| rest("PUT", settings(&format!("/mute?muted={}", n % 2 == 0)), json!(null))),
        write("REST create a group", move |n| {
            rest(
                "POST",
                "/api/chat/conversations".to_owned(),
                json!({ "name": format!("New {n}"), "participantIds": [1] }),
            )
        }),
        write("REST open a direct conversation", move |n| {
            rest("POST", format!("/api/chat/conversations/direct/{}", stranger + 100 + n), json!(null))
        }),
        write("REST set presence", move |n| {
            rest(
                "PUT",
                "/api/chat/presence/status".to_owned(),
                json!({ "status": if n % 2 == 0 { "ONLINE" } else { "AWAY" } }),
            )
        }),
        write("GraphQL send", move |n| {
            let query = format!(
                "mutation {{ sendMessage(input: {{ conversationId: 1, content: \"the word{n} again\" }}) {{ id }} }}"
            );
            rest("POST", "/graphql".to_owned(), json!({ "query": query }))
        }),
        write("STOMP send", move |n| {
            let body = json!({ "conversationId": 1, "content": format!("the word{n} once more") });
            Ask::Send("/app/chat.send", body.to_string())
        }),
        write("STOMP mark read", move |n| {
            Ask::Send("/app/chat.markRead", json!({ "conversationId": 1, "lastReadMessageId": 200 + n }).to_string())
        }),
        write("STOMP typing", move |n| {
            Ask::Send("/app/chat.typing", json!({ "conversationId": 1, "typing": n % 2 == 0 }).to_string())
        }),
        write("owner: REST add one person", move |n| {
            let people = json!({ "userIds": [stranger + n] });
            rest("POST", "/api/chat/conversations/1/participants".to_owned(), people)
        }),
        write("owner: REST remove one person", move |n| {
            rest("DELETE", format!("/api/chat/conversations/1/participants/{}", stranger + n), json!(null))
        }),
    ]);
    all
}

const EMOJIS: [&str; 3] = ["👍", "🎉", "👀"];
