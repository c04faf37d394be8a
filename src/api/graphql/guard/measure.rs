//! Measures what a parsed document comes to once its fragments are opened, before validation opens them.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Field, OperationType, Selection, SelectionSet};

use super::limits::{QueryLimits, TOO_DEEP, TOO_MANY_FIELDS};
use crate::error::{Error, Result};

/// Refuses a document that goes beyond `limits` once its fragments are opened. It adds up each fragment once, those without spreads first, so that the work grows with the text and not with what the
/// text opens to.
pub(super) fn measure(document: &ExecutableDocument, limits: &QueryLimits) -> Result<()> {
    let mut known = HashMap::with_capacity(document.fragments.len());
    for name in innermost_first(document)? {
        let shape = shape(&document.fragments[name].node.selection_set.node, &known, limits)?;
        known.insert(name, shape);
    }
    let mut fields = 0_usize;
    for (_, operation) in document.operations.iter() {
        let shape = shape(&operation.node.selection_set.node, &known, limits)?;
        fields = fields.saturating_add(shape.fields);
        let (most, sentence) = match operation.node.ty {
            OperationType::Query => (usize::MAX, TOO_MANY_FIELDS),
            OperationType::Mutation => (limits.mutation_fields, "The mutation changes too many things at once"),
            OperationType::Subscription => (limits.subscription_fields, "The subscription asks for too many fields"),
        };
        if shape.top > most {
            return Err(Error::bad_request(sentence));
        }
    }
    if fields > limits.fields { Err(Error::bad_request(TOO_MANY_FIELDS)) } else { Ok(()) }
}

/// The names of the fragments, each after all those that it spreads. Refuses cycles, used or not.
fn innermost_first(document: &ExecutableDocument) -> Result<Vec<&str>> {
    let mut waits_for = HashMap::new();
    let mut spread_by: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, fragment) in &document.fragments {
        let mut spreads = Vec::new();
        find_spreads(&fragment.node.selection_set.node, &mut spreads);
        spreads.retain(|spread| document.fragments.contains_key(*spread));
        for spread in &spreads {
            spread_by.entry(spread).or_default().push(name);
        }
        waits_for.insert(name.as_str(), spreads.len());
    }
    let mut order: Vec<&str> = waits_for.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    let mut next = 0;
    while let Some(&done) = order.get(next) {
        next += 1;
        for name in spread_by.remove(done).unwrap_or_default() {
            let count = waits_for.get_mut(name).expect("every fragment was entered above");
            *count -= 1;
            if *count == 0 {
                order.push(name);
            }
        }
    }
    if order.len() == document.fragments.len() {
        Ok(order)
    } else {
        Err(Error::bad_request("The query has a fragment that contains itself"))
    }
}

fn find_spreads<'a>(set: &'a SelectionSet, found: &mut Vec<&'a str>) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => find_spreads(&field.node.selection_set.node, found),
            Selection::InlineFragment(inline) => find_spreads(&inline.node.selection_set.node, found),
            Selection::FragmentSpread(spread) => found.push(&spread.node.fragment_name.node),
        }
    }
}

/// What a selection set comes to when all its fragments are opened.
#[derive(Default)]
struct Shape<'a> {
    /// Fields, spreads and inline fragments, at any depth.
    fields: usize,
    /// Fields inside fields.
    depth: usize,
    /// Fields that stand in the set itself.
    top: usize,
    /// How often each field stands in the set itself, bare names left out.
    asked: HashMap<&'a str, usize>,
}

/// Recurses over brackets only, never over fragments: `known` has those.
fn shape<'a>(set: &'a SelectionSet, known: &HashMap<&str, Shape<'a>>, limits: &QueryLimits) -> Result<Shape<'a>> {
    let mut whole = Shape::default();
    for item in &set.items {
        whole.fields = whole.fields.saturating_add(1);
        match &item.node {
            Selection::Field(field) => {
                let field = &field.node;
                let name = field.name.node.as_str();
                if !limits.introspection && matches!(name, "__schema" | "__type") {
                    return Err(Error::bad_request("Introspection is switched off"));
                }
                let below = shape(&field.selection_set.node, known, limits)?;
                whole.fields = whole.fields.saturating_add(below.fields);
                whole.depth = whole.depth.max(below.depth.saturating_add(1));
                whole.top = whole.top.saturating_add(1);
                if !is_bare(field) {
                    whole.ask(name, 1);
                }
            }
            Selection::InlineFragment(inline) => {
                whole.open(&shape(&inline.node.selection_set.node, known, limits)?);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = known.get(spread.node.fragment_name.node.as_str()) {
                    whole.open(fragment);
                }
            }
        }
        if whole.fields > limits.fields {
            return Err(Error::bad_request(TOO_MANY_FIELDS));
        }
        if whole.depth > limits.depth {
            return Err(Error::bad_request(TOO_DEEP));
        }
    }
    if whole.asked.values().any(|count| *count > limits.aliases) {
        return Err(Error::bad_request("The query asks for the same field too often in one place"));
    }
    Ok(whole)
}

fn is_bare(field: &Field) -> bool {
    field.alias.is_none() && field.arguments.is_empty() && field.selection_set.node.items.is_empty()
}

impl<'a> Shape<'a> {
    /// Takes in a fragment that stands in this set.
    fn open(&mut self, fragment: &Shape<'a>) {
        self.fields = self.fields.saturating_add(fragment.fields);
        self.depth = self.depth.max(fragment.depth);
        self.top = self.top.saturating_add(fragment.top);
        for (name, count) in &fragment.asked {
            self.ask(name, *count);
        }
    }

    fn ask(&mut self, name: &'a str, count: usize) {
        let asked = self.asked.entry(name).or_default();
        *asked = asked.saturating_add(count);
    }
}
