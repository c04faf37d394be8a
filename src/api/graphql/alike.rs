//! Which questions have the same answer for everybody who may hear an event: those that ask for nothing but the event,
//! the users that it names, and what a conversation shows to all who are in it.

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet};

use super::order::{Types, base};

/// The fields of each type that are the same for everybody; whatever is not named here is the viewer's own.
const ALIKE: [(&str, &[&str]); 17] = [
    ("Subscription", &["conversationChanges", "events", "messages", "presence", "reactions", "receipts", "typing"]),
    (
        "Message",
        &[
            "attachments",
            "content",
            "conversationId",
            "createdAt",
            "editedAt",
            "id",
            "isDeleted",
            "isEdited",
            "messageType",
            "metadata",
            "parentMessageId",
            "reactionSummary",
            "replyCount",
            "sender",
            "senderId",
            "senderName",
        ],
    ),
    ("Attachment", &["contentType", "fileId", "fileName", "height", "id", "size", "thumbnailUrl", "url", "width"]),
    ("ReactionCount", &["count", "emoji"]),
    ("User", &["avatarUrl", "id", "name"]),
    ("TypingIndicator", &["conversationId", "expiresAt", "typing", "user", "userId", "userName"]),
    ("Presence", &["deviceType", "lastSeenAt", "online", "status", "statusMessage", "user", "userId", "userName"]),
    ("ReadReceiptBroadcast", &["conversationId", "lastReadMessageId", "readAt", "user", "userId", "userName"]),
    (
        "ReactionBroadcast",
        &["added", "conversationId", "emoji", "messageId", "reactionSummary", "user", "userId", "userName"],
    ),
    ("Participant", &["avatarUrl", "joinedAt", "lastReadMessageId", "role", "user", "userId", "userName"]),
    (
        "Conversation",
        &[
            "allowFileUploads",
            "allowReactions",
            "allowReplies",
            "allowedFileTypes",
            "avatarUrl",
            "createdAt",
            "createdBy",
            "createdById",
            "description",
            "id",
            "lastMessage",
            "lastMessageAt",
            "maxFileSizeMb",
            "name",
            "participantCount",
            "participants",
            "type",
            "updatedAt",
        ],
    ),
    ("ConversationChange", &["conversation", "event"]),
    ("MessageEvent", &["cursor", "message", "type"]),
    ("ReactionEvent", &["cursor", "reaction", "type"]),
    ("ReceiptEvent", &["cursor", "receipt", "type"]),
    ("ParticipantEvent", &["conversationId", "cursor", "participant", "type"]),
    ("ConversationEvent", &["change", "cursor", "type"]),
];

/// Whether a subscription asks for nothing that is a viewer's own.
pub(super) fn is_alike(types: &Types, document: &ExecutableDocument, operation: &OperationDefinition) -> bool {
    let mut fields = 0;
    set_is_alike(types, document, "Subscription", &operation.selection_set.node, &mut fields)
}

/// Fields that are looked at, at most; what asks for more is taken for the viewer's own.
const MOST: usize = 10_000;

fn set_is_alike(
    types: &Types,
    document: &ExecutableDocument,
    of: &str,
    set: &SelectionSet,
    fields: &mut usize,
) -> bool {
    set.items.iter().all(|item| {
        *fields += 1;
        *fields <= MOST
            && match &item.node {
                Selection::Field(field) => {
                    let name = &field.node.name.node;
                    let known = ALIKE.iter().find(|(of_type, _)| *of_type == of);
                    let is_known = known.is_some_and(|(_, fields)| fields.binary_search(&name.as_str()).is_ok());
                    let below = types.field(of, name).map_or("", |ty| base(ty).as_str());
                    name == "__typename"
                        || is_known && set_is_alike(types, document, below, &field.node.selection_set.node, fields)
                }
                Selection::InlineFragment(inline) => {
                    let of = inline.node.type_condition.as_ref().map_or(of, |on| on.node.on.node.as_str());
                    set_is_alike(types, document, of, &inline.node.selection_set.node, fields)
                }
                Selection::FragmentSpread(spread) => {
                    document.fragments.get(&spread.node.fragment_name.node).is_some_and(|fragment| {
                        let of = fragment.node.type_condition.node.on.node.as_str();
                        set_is_alike(types, document, of, &fragment.node.selection_set.node, fields)
                    })
                }
            }
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::super::{definition, schema};
    use super::*;

    #[test]
    fn the_fields_exist_and_are_in_order_so_that_they_can_be_searched() {
        let types = Types::of(&schema().sdl());
        for (of, fields) in ALIKE {
            assert!(fields.is_sorted(), "{of}");
            for field in fields {
                assert!(types.field(of, &async_graphql::Name::new(field)).is_some(), "{of}.{field}");
            }
        }
    }

    #[test]
    fn what_is_a_viewers_own_makes_a_question_its_own_wherever_it_stands() {
        let types = Types::of(&schema().sdl());
        let is_alike = |query: &str| {
            let document = parse_query(query).unwrap();
            is_alike(&types, &document, definition(&document, None).unwrap())
        };
        for query in [
            "subscription { messages { __typename id content attachments { url } sender { name } } }",
            "subscription { conversationChanges { event conversation { name participants { user { name } } } } }",
            "subscription { events { __typename ... on MessageEvent { cursor message { ...M } } ... on ConversationEvent \
             { change { conversation { lastMessage { ...M } } } } } } fragment M on Message { id reactionSummary { emoji } }",
        ] {
            assert!(is_alike(query), "{query}");
        }
        for query in [
            "subscription { messages { id tempId } }",
            "subscription { messages { reactionSummary { viewerReacted } } }",
            "subscription { messages { conversation { name } } }",
            "subscription { messages { parent { id } } }",
            "subscription { conversationChanges { conversation { unreadCount } } }",
            "subscription { conversationChanges { conversation { messages { nodes { id } } } } }",
            "subscription { conversationChanges { conversation { lastMessage { conversation { id } } } } }",
            "subscription { events { ... on ConversationEvent { change { conversation { ...C } } } } } \
             fragment C on Conversation { id muted }",
        ] {
            assert!(!is_alike(query), "{query}");
        }
    }
}
