//! THE TABLE: every operation, what comes of it for whom, and how it is asked for at each door. The outcomes are the
//! protocol's (§2, §4, §6) and the same at every door.

/// An operation. `{name}` stands for an id of the scene; the variables of GraphQL have the same names.
pub struct Operation {
    pub name: &'static str,
    /// For owner, admin, member, removed, stranger and anonymous.
    pub outcomes: &'static str,
    /// Whether it leaves a conversation that is no use for the next one.
    pub spoils: bool,
    /// Empty where the door does not have it.
    pub rest: &'static str,
    pub graphql: &'static str,
    pub stomp: &'static str,
}

impl Operation {
    /// The code that comes of it in a column: `F`, `N` and `U` are short for those that matter.
    pub fn outcome(&self, column: usize) -> &'static str {
        match self.outcomes.split(' ').nth(column) {
            Some("ok") => "OK",
            Some("F") => "FORBIDDEN",
            Some("N") => "NOT_FOUND",
            Some("U") => "UNAUTHENTICATED",
            other => panic!("{}: {other:?} is no outcome", self.name),
        }
    }

    pub fn is_subscription(&self) -> bool {
        self.graphql.starts_with("subscription")
    }

    /// Whether it asks for somebody and not for a conversation.
    pub fn is_about_people(&self) -> bool {
        self.outcomes.contains('N')
    }
}

/// Everybody inside; owner and admins; the owner; nobody.
const INSIDE: &str = "ok ok ok F F U";
const ADMINS: &str = "ok ok F F F U";
const OWNER: &str = "ok F F F F U";
const NOBODY: &str = "F F F F F U";
/// Those who share a conversation.
const NEIGHBOURS: &str = "ok ok ok N N U";

const fn row(
    name: &'static str,
    outcomes: &'static str,
    rest: &'static str,
    graphql: &'static str,
    stomp: &'static str,
) -> Operation {
    Operation { name, outcomes, spoils: false, rest, graphql, stomp }
}

const fn spoils(
    name: &'static str,
    outcomes: &'static str,
    rest: &'static str,
    graphql: &'static str,
    stomp: &'static str,
) -> Operation {
    Operation { name, outcomes, spoils: true, rest, graphql, stomp }
}

#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    row("get the conversation", INSIDE,
        "GET /conversations/{c}", "query($c: ID!) { conversation(id: $c) { id name participants { userId } } }", ""),
    row("list participants", INSIDE,
        "GET /conversations/{c}/participants",
        "query($c: ID!) { conversation(id: $c) { participantsPage(search: \"a\") { nodes { userName } } } }", ""),
    row("list messages", INSIDE,
        "GET /conversations/{c}/messages", "query($c: ID!) { conversation(id: $c) { messages { edges { node { content } } } } }", ""),
    row("list older messages", INSIDE,
        "GET /conversations/{c}/messages?before={r}&limit=1",
        "query($c: ID!) { conversation(id: $c) { messages(last: 1) { edges { node { content } } } } }", ""),
    row("get a message", INSIDE, "", "query($m: ID!) { message(id: $m) { content } }", ""),
    row("send", INSIDE,
        r#"POST /conversations/{c}/messages {"content":"Hello"}"#,
        r#"mutation($c: ID!) { sendMessage(input: {conversationId: $c, content: "Hello"}) { id } }"#,
        r#"/app/chat.send {"conversationId":{c},"content":"Hello"}"#),
    row("reply", INSIDE,
        r#"POST /conversations/{c}/messages {"content":"Hello","parentMessageId":{m}}"#,
        r#"mutation($c: ID!, $m: ID!) { sendMessage(input: {conversationId: $c, content: "Hello", parentMessageId: $m}) { id } }"#,
        r#"/app/chat.send {"conversationId":{c},"content":"Hello","parentMessageId":{m}}"#),
    row("edit one's own message", INSIDE,
        r#"PUT /messages/{own} {"content":"Edited"}"#,
        r#"mutation($own: ID!) { editMessage(messageId: $own, content: "Edited") { id } }"#, ""),
    row("edit another's message", NOBODY,
        r#"PUT /messages/{other} {"content":"Edited"}"#,
        r#"mutation($other: ID!) { editMessage(messageId: $other, content: "Edited") { id } }"#, ""),
    spoils("delete one's own message", INSIDE,
        "DELETE /messages/{own}", "mutation($own: ID!) { deleteMessage(messageId: $own) { id } }", ""),
    spoils("delete another's message", ADMINS,
        "DELETE /messages/{other}", "mutation($other: ID!) { deleteMessage(messageId: $other) { id } }", ""),
    row("read a thread", INSIDE,
        "GET /messages/{m}/thread", "query($m: ID!) { message(id: $m) { replies { edges { node { content } } } } }", ""),
    row("follow a message to its conversation", INSIDE,
        "", "query($m: ID!) { message(id: $m) { conversation { id messages { edges { node { content } } } } } }", ""),
    row("follow a reply to its parent", INSIDE,
        "", "query($r: ID!) { message(id: $r) { parent { id content conversation { id name } sender { id } } } }", ""),
    row("react", INSIDE,
        r#"POST /messages/{m}/reactions {"emoji":"🎉"}"#,
        r#"mutation($m: ID!) { addReaction(messageId: $m, emoji: "🎉") { added } }"#,
        r#"/app/chat.reaction {"messageId":{m},"conversationId":{c},"emoji":"🎉","add":true}"#),
    row("react without naming the conversation", INSIDE,
        "", "", r#"/app/chat.reaction {"messageId":{m},"emoji":"🎉"}"#),
    row("take a reaction back", INSIDE,
        "DELETE /messages/{m}/reactions/🎉",
        r#"mutation($m: ID!) { removeReaction(messageId: $m, emoji: "🎉") { added } }"#,
        r#"/app/chat.reaction {"messageId":{m},"conversationId":{c},"emoji":"🎉","add":false}"#),
    row("toggle a reaction", INSIDE,
        r#"POST /messages/{m}/reactions/toggle {"emoji":"👀"}"#,
        r#"mutation($m: ID!) { toggleReaction(messageId: $m, emoji: "👀") { added } }"#, ""),
    row("list reactions", INSIDE,
        "GET /messages/{m}/reactions", "query($m: ID!) { message(id: $m) { reactions { emoji userId } } }", ""),
    row("summarise reactions", INSIDE,
        "GET /messages/{m}/reactions/summary",
        "query($m: ID!) { message(id: $m) { reactionSummary { emoji count viewerReacted } } }", ""),
    row("mark as read", INSIDE,
        "POST /conversations/{c}/read",
        "mutation($c: ID!) { markRead(conversationId: $c) { lastReadMessageId } }",
        r#"/app/chat.markRead {"conversationId":{c}}"#),
    row("mark as read up to a message", INSIDE,
        r#"POST /conversations/{c}/read {"lastReadMessageId":{m}}"#,
        "mutation($c: ID!, $m: ID!) { markRead(conversationId: $c, lastReadMessageId: $m) { lastReadMessageId } }",
        r#"/app/chat.markRead {"conversationId":{c},"lastReadMessageId":{m}}"#),
    row("list read receipts", INSIDE,
        "GET /messages/{m}/read-receipts", "query($m: ID!) { message(id: $m) { readReceipts { userId } } }", ""),
    row("type", INSIDE,
        "", "mutation($c: ID!) { setTyping(conversationId: $c, typing: true) }",
        r#"/app/chat.typing {"conversationId":{c},"typing":true}"#),
    row("stop typing", INSIDE,
        "", "mutation($c: ID!) { setTyping(conversationId: $c, typing: false) }",
        r#"/app/chat.typing {"conversationId":{c},"typing":false}"#),
    row("mute", INSIDE,
        "PUT /conversations/{c}/mute", "mutation($c: ID!) { setMuted(conversationId: $c) { muted } }", ""),
    row("pin", INSIDE,
        "PUT /conversations/{c}/pin?pinned=true", "mutation($c: ID!) { setPinned(conversationId: $c, pinned: true) { pinned } }", ""),
    row("archive", INSIDE,
        "PUT /conversations/{c}/archive?archived=false",
        "mutation($c: ID!) { setArchived(conversationId: $c, archived: false) { archived } }", ""),
    row("update", ADMINS,
        r#"PUT /conversations/{c} {"name":"Renamed"}"#,
        r#"mutation($c: ID!) { updateConversation(conversationId: $c, input: {name: "Renamed"}) { name } }"#, ""),
    row("add participants", ADMINS,
        r#"POST /conversations/{c}/participants {"userIds":[{newcomer}]}"#,
        "mutation($c: ID!, $newcomer: ID!) { addParticipants(conversationId: $c, userIds: [$newcomer]) { id } }", ""),
    spoils("remove a member", ADMINS,
        "DELETE /conversations/{c}/participants/{bystander}",
        "mutation($c: ID!, $bystander: ID!) { removeParticipant(conversationId: $c, userId: $bystander) }", ""),
    spoils("remove an admin", OWNER,
        "DELETE /conversations/{c}/participants/{deputy}",
        "mutation($c: ID!, $deputy: ID!) { removeParticipant(conversationId: $c, userId: $deputy) }", ""),
    // The owner who removes the owner leaves.
    spoils("remove the owner", OWNER,
        "DELETE /conversations/{c}/participants/{owner}",
        "mutation($c: ID!, $owner: ID!) { removeParticipant(conversationId: $c, userId: $owner) }", ""),
    spoils("leave", INSIDE,
        "DELETE /conversations/{c}", "mutation($c: ID!) { leaveConversation(conversationId: $c) }", ""),
    spoils("delete the conversation", OWNER,
        "", "mutation($c: ID!) { deleteConversation(conversationId: $c) }", ""),
    spoils("transfer the ownership", OWNER,
        "", "mutation($c: ID!, $bystander: ID!) { transferOwnership(conversationId: $c, userId: $bystander) { id } }", ""),
    spoils("make somebody an admin", OWNER,
        "", "mutation($c: ID!, $bystander: ID!) { setParticipantRole(conversationId: $c, userId: $bystander, role: ADMIN) { id } }", ""),
    spoils("take a role away", OWNER,
        "", "mutation($c: ID!, $deputy: ID!) { setParticipantRole(conversationId: $c, userId: $deputy, role: MEMBER) { id } }", ""),
    row("search the messages", INSIDE,
        "GET /conversations/{c}/messages/search?query=word",
        r#"query($c: ID!) { searchMessages(conversationId: $c, query: "word") { edges { snippet node { content } } } }"#, ""),
    row("list files", INSIDE,
        "GET /conversations/{c}/attachments",
        "query($c: ID!) { conversation(id: $c) { attachments { edges { node { id } } } } }", ""),
    row("see how somebody is", NEIGHBOURS, "GET /presence/{bystander}", "", ""),
    row("hear messages", INSIDE, "", "subscription($c: ID!) { messages(conversationId: $c) { content } }", ""),
    row("hear who types", INSIDE, "", "subscription($c: ID!) { typing(conversationId: $c) { userId } }", ""),
    row("hear read receipts", INSIDE, "", "subscription($c: ID!) { receipts(conversationId: $c) { userId } }", ""),
    row("hear reactions", INSIDE, "", "subscription($c: ID!) { reactions(conversationId: $c) { emoji } }", ""),
    row("hear changes", INSIDE, "", "subscription($c: ID!) { conversationChanges(conversationId: $c) { event } }", ""),
];
