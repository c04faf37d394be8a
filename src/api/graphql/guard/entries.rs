//! How much an operation asks for: a small text may ask for lists within lists within lists, and for many values of each
//! entry. Every list counts, in pages or not, with its largest length.

use std::collections::HashMap;

use async_graphql::Value;
use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};

use super::Variables;
use crate::chat::page;
use crate::error::{Error, Result};

/// Lists that are asked for in pages, and so have as many entries as a query likes.
const PAGED: [&str; 5] = ["conversations", "messages", "replies", "searchMessages", "webhookDeliveries"];
/// Lists that come as they are, and how long they can be, or are as a rule.
const WHOLE: [(&str, u64); 8] = [
    ("participants", 100),
    ("reactions", 100),
    ("reactionSummary", 50),
    ("readReceipts", 100),
    ("attachments", 10),
    ("presence", 100),
    ("onlineUsers", 100),
    ("webhookEndpoints", 100),
];
/// Each of these searches or counts anew, under whatever name.
const LABORIOUS: [&str; 2] = ["searchMessages", "unread"];

/// Entries of lists that a request may ask for, lists within lists multiplied.
const MOST_ENTRIES: u64 = 100_000;
/// Values that it may ask for: fields, multiplied by the entries that have them.
const MOST_VALUES: u64 = 500_000;
/// Searches and counts in a request.
const MOST_LABORIOUS: u64 = 5;
/// Entries beyond which a request is heavy, and waits for its turn among those of its user.
const HEAVY_ENTRIES: u64 = 200;
/// Fragments within fragments that are looked into for the shape of a list.
const MOST_FRAGMENTS: usize = 8;

/// What an operation asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    entries: u64,
    values: u64,
    laborious: u64,
}

impl Cost {
    /// Whether it is among the two of its kind that a user may have under way.
    pub fn is_heavy(self) -> bool {
        self.entries > HEAVY_ENTRIES
    }

    /// Both together: the operations of a batch are one request.
    pub fn and(self, other: Cost) -> Cost {
        Cost {
            entries: self.entries.saturating_add(other.entries),
            values: self.values.saturating_add(other.values),
            laborious: self.laborious.saturating_add(other.laborious),
        }
    }

    fn times(self, entries: u64) -> Cost {
        Cost {
            entries: entries.saturating_mul(self.entries.saturating_add(1)),
            values: entries.saturating_mul(self.values.saturating_add(1)),
            laborious: self.laborious,
        }
    }

    /// Refuses what asks for too much.
    ///
    /// # Errors
    /// `BadRequest`.
    pub fn check(self) -> Result<()> {
        if self.entries > MOST_ENTRIES {
            Err(Error::bad_request(format!("The query asks for more than {MOST_ENTRIES} entries of lists")))
        } else if self.values > MOST_VALUES {
            Err(Error::bad_request(format!("The query asks for more than {MOST_VALUES} values")))
        } else if self.laborious > MOST_LABORIOUS {
            Err(Error::bad_request(format!(
                "The query has more than {MOST_LABORIOUS} searches or counts of what is unread"
            )))
        } else {
            Ok(())
        }
    }
}

/// What an operation asks for, where that is not too much: 100,000 entries of lists, 500,000 values, 5 searches and counts
/// of what is unread.
///
/// # Errors
/// `BadRequest`.
pub fn entries(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    given: Option<&Variables>,
) -> Result<Cost> {
    let mut pages = Pages { document, operation, given, known: HashMap::new() };
    let cost = pages.below(&operation.selection_set.node);
    cost.check()?;
    Ok(cost)
}

struct Pages<'a> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    given: Option<&'a Variables>,
    /// What was counted of a fragment; none while it is counted.
    known: HashMap<&'a str, Cost>,
}

impl<'a> Pages<'a> {
    fn below(&mut self, set: &'a SelectionSet) -> Cost {
        set.items.iter().fold(Cost::default(), |sum, item| sum.and(self.of(&item.node)))
    }

    fn of(&mut self, item: &'a Selection) -> Cost {
        match item {
            Selection::Field(field) => {
                let below = self.below(&field.node.selection_set.node);
                let laborious = u64::from(LABORIOUS.contains(&field.node.name.node.as_str()));
                let own = Cost { values: 1, laborious, ..Cost::default() };
                match self.length(&field.node) {
                    Some(length) => below.times(length).and(own),
                    None => below.and(own),
                }
            }
            Selection::InlineFragment(inline) => self.below(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let name = spread.node.fragment_name.node.as_str();
                if let Some(known) = self.known.get(name) {
                    return *known;
                }
                let Some(fragment) = self.document.fragments.get(name) else { return Cost::default() };
                self.known.insert(name, Cost::default());
                let below = self.below(&fragment.node.selection_set.node);
                self.known.insert(name, below);
                below
            }
        }
    }

    /// How many entries the list has that a field asks for.
    fn length(&self, field: &Field) -> Option<u64> {
        // The attachments of a conversation come in pages, those of a message do not.
        let name = field.name.node.as_str();
        let is_page =
            PAGED.contains(&name) || name == "attachments" && self.is_connection(&field.selection_set.node, 0);
        let asked = ["first", "last"].iter().find_map(|name| {
            let value = field.get_argument(name)?.node.clone();
            match value.into_const_with(|name| self.variable(&name).ok_or(())).ok()? {
                Value::Number(number) => number.as_u64(),
                _ => None,
            }
        });
        let whole = || WHOLE.iter().find(|(list, _)| *list == name).map(|(_, length)| *length);
        if is_page { Some(asked.map_or(page::DEFAULT, |asked| asked.min(page::MOST))) } else { whole() }
    }

    /// The value of a variable: the given one, else its default.
    fn variable(&self, name: &str) -> Option<Value> {
        let given = self.given.and_then(|given| given.get(name)).and_then(serde_json::Value::as_u64).map(Value::from);
        let default = || {
            let mut definitions = self.operation.variable_definitions.iter();
            let definition = definitions.find(|definition| definition.node.name.node == name)?;
            definition.node.default_value.as_ref().map(|value| value.node.clone())
        };
        given.or_else(default)
    }

    fn is_connection(&self, set: &SelectionSet, depth: usize) -> bool {
        // Fragments that contain themselves were refused before; this is the belt.
        depth <= MOST_FRAGMENTS
            && set.items.iter().any(|item| match &item.node {
                Selection::Field(below) => ["edges", "nodes"].contains(&below.node.name.node.as_str()),
                Selection::InlineFragment(inline) => self.is_connection(&inline.node.selection_set.node, depth + 1),
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.node.fragment_name.node);
                    fragment.is_some_and(|found| self.is_connection(&found.node.selection_set.node, depth + 1))
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    fn is_taken(query: &str, given: serde_json::Value) -> bool {
        let document = parse_query(query).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        entries(&document, &operation.node, given.as_object()).is_ok()
    }

    #[test]
    fn lists_within_lists_are_multiplied_wherever_they_hide() {
        let nested = |replies: &str| {
            format!(
                "query($n: Int) {{ conversations(first: 100) {{ ...C }} }} fragment C on X {{ nodes {{ \
                 messages(last: 20) {{ edges {{ node {{ attachments {{ fileName }} {replies} }} }} }} }} }}"
            )
        };
        assert!(is_taken(&nested(""), json!({})));
        assert!(is_taken(&nested("replies(first: 30) { nodes { id } }"), json!({})));
        assert!(!is_taken(&nested("replies { nodes { id } }"), json!({})), "50 where nothing is said");
        assert!(is_taken(&nested("replies(first: $n) { nodes { id } }"), json!({ "n": 10 })));
        assert!(!is_taken(&nested("... on X { replies(first: $n) { nodes { id } } }"), json!({ "n": 1_000 })));
        assert!(!is_taken(&nested("attachments(first: 100) { nodes { id } }"), json!({})));
        let colocated =
            nested("attachments { ...A }") + " fragment A on Attachment { id ...B } fragment B on Attachment { size }";
        assert!(is_taken(&colocated, json!({})), "a list of a message is no page");
        let defaults = |default: u32| {
            nested("replies(first: $n, last: null) { nodes { id } }")
                .replace("$n: Int", &format!("$n: Int = {default}"))
        };
        assert!(is_taken(&defaults(5), json!({})) && !is_taken(&defaults(100), json!({})));
        assert!(!is_taken(&nested("replies(first: null, last: 100) { nodes { id } }"), json!({})));
    }

    #[test]
    fn lists_that_come_as_they_are_count_and_so_do_the_fields_below() {
        let participants = |aliases: usize| {
            let fields: String = (0..aliases).map(|n| format!(" a{n}: participants {{ userId }}")).collect();
            format!("{{ conversations(first: 100) {{ nodes {{ {fields} }} }} }}")
        };
        assert!(is_taken(&participants(5), json!({})) && !is_taken(&participants(11), json!({})));
        let wide = |names: usize| {
            let fields: String = (0..names).map(|n| format!(" n{n}: userName")).collect();
            format!("{{ conversations(first: 100) {{ nodes {{ participants {{ {fields} }} }} }} }}")
        };
        assert!(is_taken(&wide(10), json!({})) && !is_taken(&wide(60), json!({})));
        assert!(!is_taken(
            "{ conversations(first: 100) { nodes { messages(last: 100) { nodes { readReceipts { userId } } } } } }",
            json!({})
        ));
        let usual = "{ conversation(id: 1) { participants { userId userName role } messages(last: 50) { nodes { id content \
                     createdAt sender { id name } parent { id content } attachments { id fileName url } \
                     reactionSummary { emoji count } reactions { emoji userName } readReceipts { userName readAt } \
                     replies(first: 5) { nodes { id content sender { name } } } } } } }";
        assert!(is_taken(usual, json!({})));
    }

    #[test]
    fn searches_are_five_in_a_request_wherever_they_stand() {
        let searches = |times: usize| {
            let fields: String = (0..times)
                .map(|n| format!(" s{n}: searchMessages(query: \"x\", first: 1) {{ nodes {{ id }} }}"))
                .collect();
            format!("{{ ...S unread {{ totalUnread }} }} fragment S on Query {{ {fields} }}")
        };
        assert!(is_taken(&searches(4), json!({})) && !is_taken(&searches(5), json!({})));
    }

    #[test]
    fn fragments_that_multiply_are_counted_at_once() {
        let mut query = "{ ...f0 }".to_owned();
        for level in 0..60 {
            query += &format!(" fragment f{level} on X {{ messages {{ ...f{0} ...f{0} }} }}", level + 1);
        }
        assert!(!is_taken(&query, json!({})));
        assert!(is_taken("{ ...f } fragment f on X { x { ...f } }", json!({})), "left to validation");
    }
}
