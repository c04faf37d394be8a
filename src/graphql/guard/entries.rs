//! How many entries of lists an operation asks for: a small text may ask for lists within lists within lists.

use std::collections::HashMap;

use async_graphql::Value;
use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};

use super::Variables;
use crate::error::{Error, Result};
use crate::page;

/// Lists that are asked for in pages, and so have as many entries as a query likes.
const PAGED: [&str; 5] = ["conversations", "messages", "replies", "searchMessages", "webhookDeliveries"];
/// Entries that an operation may ask for, lists within lists multiplied.
const MOST_ENTRIES: u64 = 100_000;
/// Fragments within fragments that are looked into for the shape of a list.
const MOST_FRAGMENTS: usize = 8;

/// Refuses an operation whose lists within lists ask for more than 100,000 entries.
///
/// # Errors
/// `BadRequest`.
pub fn entries(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    given: Option<&Variables>,
) -> Result<()> {
    let mut pages = Pages { document, operation, given, known: HashMap::new() };
    if pages.below(&operation.selection_set.node) > MOST_ENTRIES {
        return Err(Error::bad_request(format!("The query asks for more than {MOST_ENTRIES} entries of lists")));
    }
    Ok(())
}

struct Pages<'a> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    given: Option<&'a Variables>,
    /// What was counted of a fragment; none while it is counted.
    known: HashMap<&'a str, u64>,
}

impl<'a> Pages<'a> {
    fn below(&mut self, set: &'a SelectionSet) -> u64 {
        set.items.iter().fold(0, |sum: u64, item| sum.saturating_add(self.of(&item.node)))
    }

    fn of(&mut self, item: &'a Selection) -> u64 {
        match item {
            Selection::Field(field) => {
                let below = self.below(&field.node.selection_set.node);
                match self.length(&field.node) {
                    Some(length) => length.saturating_mul(below.saturating_add(1)),
                    None => below,
                }
            }
            Selection::InlineFragment(inline) => self.below(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let name = spread.node.fragment_name.node.as_str();
                if let Some(known) = self.known.get(name) {
                    return *known;
                }
                let Some(fragment) = self.document.fragments.get(name) else { return 0 };
                self.known.insert(name, 0);
                let below = self.below(&fragment.node.selection_set.node);
                self.known.insert(name, below);
                below
            }
        }
    }

    /// How many entries the page has that a field asks for.
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
        is_page.then(|| asked.map_or(page::DEFAULT, |asked| asked.min(page::MOST)))
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
        assert!(is_taken(&nested("replies(first: 40) { nodes { id } }"), json!({})));
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
    fn fragments_that_multiply_are_counted_at_once() {
        let mut query = "{ ...f0 }".to_owned();
        for level in 0..60 {
            query += &format!(" fragment f{level} on X {{ messages {{ ...f{0} ...f{0} }} }}", level + 1);
        }
        assert!(!is_taken(&query, json!({})));
        assert!(is_taken("{ ...f } fragment f on X { x { ...f } }", json!({})), "left to validation");
    }
}
