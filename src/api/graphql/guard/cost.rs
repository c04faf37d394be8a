//! How much an operation asks for: a small text may ask for lists within lists within lists, and for many values of each
//! entry. Every list of objects counts, in pages or not, with its largest length: which fields are lists the schema says.

use std::collections::HashMap;

use async_graphql::Value;
use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};

use super::Variables;
use crate::api::graphql::catalog::{Catalog, Entries, base, root};
use crate::chat::page;
use crate::error::{Error, Result};

/// Entries of lists that a request may ask for, lists within lists multiplied.
const MAX_ENTRIES: u64 = 100_000;
/// Values that it may ask for: fields, multiplied by the entries that have them.
const MAX_VALUES: u64 = 500_000;
/// Searches and counts in a request.
const MAX_SEARCHES: u64 = 5;
/// Entries beyond which a request is heavy, and waits for its turn among those of its user.
const HEAVY_ENTRIES: u64 = 200;

/// What an operation asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    entries: u64,
    values: u64,
    searches: u64,
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
            searches: self.searches.saturating_add(other.searches),
        }
    }

    fn times(self, entries: u64) -> Cost {
        Cost {
            entries: entries.saturating_mul(self.entries.saturating_add(1)),
            values: entries.saturating_mul(self.values.saturating_add(1)),
            searches: self.searches,
        }
    }

    /// Refuses what asks for too much.
    ///
    /// # Errors
    /// `BadRequest`.
    pub fn check(self) -> Result<()> {
        if self.entries > MAX_ENTRIES {
            Err(Error::bad_request(format!("The query asks for more than {MAX_ENTRIES} entries of lists")))
        } else if self.values > MAX_VALUES {
            Err(Error::bad_request(format!("The query asks for more than {MAX_VALUES} values")))
        } else if self.searches > MAX_SEARCHES {
            Err(Error::bad_request(format!(
                "The query has more than {MAX_SEARCHES} searches or counts of what is unread"
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
pub(crate) fn cost(
    catalog: &Catalog,
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    given: Option<&Variables>,
) -> Result<Cost> {
    let mut counter = Counter { catalog, document, operation, given, fragments: HashMap::new() };
    let cost = counter.cost_of_set(root(operation.ty), &operation.selection_set.node);
    cost.check()?;
    Ok(cost)
}

/// Adds up what an operation asks for, each fragment once.
struct Counter<'a> {
    catalog: &'a Catalog,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    given: Option<&'a Variables>,
    /// What was counted of a fragment; nothing while it is counted.
    fragments: HashMap<&'a str, Cost>,
}

impl<'a> Counter<'a> {
    /// What a set of fields asks for, of one object of the type `of`.
    fn cost_of_set(&mut self, of: &'a str, set: &'a SelectionSet) -> Cost {
        set.items.iter().fold(Cost::default(), |sum, item| sum.and(self.cost_of(of, &item.node)))
    }

    fn cost_of(&mut self, of: &'a str, item: &'a Selection) -> Cost {
        match item {
            Selection::Field(field) => self.cost_of_field(of, &field.node),
            Selection::InlineFragment(inline) => {
                let of = inline.node.type_condition.as_ref().map_or(of, |condition| condition.node.on.node.as_str());
                self.cost_of_set(of, &inline.node.selection_set.node)
            }
            Selection::FragmentSpread(spread) => {
                let name = spread.node.fragment_name.node.as_str();
                if let Some(counted) = self.fragments.get(name) {
                    return *counted;
                }
                let Some(fragment) = self.document.fragments.get(name) else { return Cost::default() };
                self.fragments.insert(name, Cost::default());
                let of = fragment.node.type_condition.node.on.node.as_str();
                let below = self.cost_of_set(of, &fragment.node.selection_set.node);
                self.fragments.insert(name, below);
                below
            }
        }
    }

    /// A field that the schema does not have is one value: validation refuses it.
    fn cost_of_field(&mut self, of: &str, field: &'a Field) -> Cost {
        let known = self.catalog.field(of, &field.name.node);
        let below = self.cost_of_set(known.map_or("", |known| base(&known.ty).as_str()), &field.selection_set.node);
        let searches = u64::from(known.is_some_and(|known| known.is_search));
        let own = Cost { values: 1, searches, ..Cost::default() };
        match known.and_then(|known| known.entries) {
            Some(Entries::UpTo(length)) => below.times(length).and(own),
            Some(Entries::Asked) => below.times(self.page_size(field)).and(own),
            None => below.and(own),
        }
    }

    /// How many entries a field asks for that is a page of a list.
    fn page_size(&self, field: &Field) -> u64 {
        let asked = ["first", "last"].iter().find_map(|name| {
            let value = field.get_argument(name)?.node.clone();
            match value.into_const_with(|name| self.variable(&name).ok_or(())).ok()? {
                Value::Number(number) => number.as_u64(),
                _ => None,
            }
        });
        asked.map_or(page::DEFAULT_LIMIT, |asked| asked.min(page::MAX_LIMIT))
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
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;
    use crate::api::graphql::schema::schema;

    fn is_taken(query: &str, given: serde_json::Value) -> bool {
        let document = parse_query(query).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        cost(&Catalog::of(&schema()), &document, &operation.node, given.as_object()).is_ok()
    }

    #[test]
    fn lists_within_lists_are_multiplied_wherever_they_hide() {
        let nested = |replies: &str| {
            format!(
                "query($n: Int) {{ conversations(first: 100) {{ ...C }} }} fragment C on ConversationConnection {{ nodes {{ \
                 messages(last: 20) {{ edges {{ node {{ attachments {{ fileName }} {replies} }} }} }} }} }}"
            )
        };
        assert!(is_taken(&nested(""), json!({})));
        assert!(is_taken(&nested("replies(first: 30) { nodes { id } }"), json!({})));
        assert!(!is_taken(&nested("replies { nodes { id } }"), json!({})), "50 where nothing is said");
        assert!(is_taken(&nested("replies(first: $n) { nodes { id } }"), json!({ "n": 10 })));
        assert!(!is_taken(&nested("... on Message { replies(first: $n) { nodes { id } } }"), json!({ "n": 1_000 })));
        assert!(!is_taken(&nested("conversation { attachments(first: 100) { nodes { id } } }"), json!({})));
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
            query += &format!(
                " fragment f{level} on Conversation {{ messages {{ nodes {{ conversation {{ ...f{0} ...f{0} }} }} }} }}",
                level + 1
            );
        }
        assert!(!is_taken(&query, json!({})));
        assert!(is_taken("{ ...f } fragment f on X { x { ...f } }", json!({})), "left to validation");
    }
}
