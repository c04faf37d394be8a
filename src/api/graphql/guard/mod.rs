//! Refuses a hostile GraphQL text before the engine sees it. A kilobyte is enough to overflow the stack of the engine's
//! parser (nested values) or to occupy its validation for minutes (fragments that double): so the raw text is measured
//! first, and what it comes to once its fragments are opened second. It knows no schema, no variables and no person.

mod entries;
mod variables;

use std::collections::HashMap;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql::parser::{self, parse_query};

use crate::error::{Error, Result};

pub use entries::{Cost, entries};
pub use variables::{Variables, variables};

/// What a document may be. Each limit is the largest number that is still taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text. The default, 65,536, holds a message of 10,000 characters written as escapes.
    pub size: usize,
    /// Names, numbers, strings and signs in the text, by default 2,000. A number with a sign, a point or an exponent
    /// counts as several.
    pub tokens: usize,
    /// How deeply `(`, `[` and `{` stand inside each other, by default 40. More than 64 means 64: each level takes
    /// stack in the parser.
    pub brackets: usize,
    /// Bytes of one name, by default 128.
    pub name: usize,
    /// Directives in the text, by default 50.
    pub directives: usize,
    /// Fields inside fields, fragments opened, by default 16. The introspection query of graphql-js has 15.
    pub depth: usize,
    /// Fields, spreads and inline fragments of all operations together, and of each fragment, fragments opened. By
    /// default 2,000; the introspection query of graphql-js has 240.
    pub fields: usize,
    /// How often one field may be asked for in one place, under whatever aliases, fragments opened, by default 20.
    /// A bare name (no alias, no arguments, no fields below) costs nothing and is not counted.
    pub aliases: usize,
    /// Fields at the root of a mutation, by default 10.
    pub mutation_fields: usize,
    /// Fields at the root of a subscription, by default 1, as the specification has it.
    pub subscription_fields: usize,
    /// Whether `__schema` and `__type` may be asked for, by default true. `__typename` always may.
    pub introspection: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size: 65_536,
            tokens: 2_000,
            brackets: 40,
            name: 128,
            directives: 50,
            depth: 16,
            fields: 2_000,
            aliases: 20,
            mutation_fields: 10,
            subscription_fields: 1,
            introspection: true,
        }
    }
}

/// Parses a document that keeps within `limits`; the engine can then validate and run it in bounded time and stack.
///
/// Errors are all `BadRequest`, with a sentence that says which limit is broken, or where the text cannot be parsed.
/// Fragments that nobody defines and names that no schema has are left to validation.
pub fn parse(text: &str, limits: &Limits) -> Result<ExecutableDocument> {
    scan(text, limits)?;
    let document = parse_query(text).map_err(syntax)?;
    measure(&document, limits)?;
    Ok(document)
}

/// Tells what the operation to run is: the one called `name`, or the only one.
///
/// Errors (`BadRequest`): no operation has that name, or there are several and no name is given.
pub fn operation(document: &ExecutableDocument, name: Option<&str>) -> Result<OperationType> {
    let chosen = match (&document.operations, name) {
        (DocumentOperations::Single(only), None) => Some(only),
        (DocumentOperations::Single(_), Some(_)) => None,
        (DocumentOperations::Multiple(all), Some(name)) => all.get(name),
        (DocumentOperations::Multiple(all), None) if all.len() > 1 => {
            return Err(Error::bad_request("The query has several operations: choose one with operationName"));
        }
        (DocumentOperations::Multiple(all), None) => all.values().next(),
    };
    match (chosen, name) {
        (Some(operation), _) => Ok(operation.node.ty),
        (None, Some(name)) => {
            Err(Error::bad_request(format!("The query has no operation named {}", clipped(name, MOST_ECHOED))))
        }
        (None, None) => Err(Error::bad_request("The query has no operation")),
    }
}

const TOO_DEEP: &str = "The query is nested too deeply";
const TOO_MANY_FIELDS: &str = "The query asks for too many fields";

/// Characters of the text that a sentence may repeat.
const MOST_ECHOED: usize = 64;

/// The deepest nesting that the parser may be given in a stack of 2 MB, whatever the settings say.
const MOST_BRACKETS: usize = 64;

/// One pass over the bytes. It must see strings and comments exactly as the parser does, for a bracket inside them does
/// not nest; where a text is malformed it may count too much but never too little.
fn scan(text: &str, limits: &Limits) -> Result<()> {
    let bytes = text.as_bytes();
    if bytes.len() > limits.size {
        return Err(Error::bad_request("The query is too long"));
    }
    let most_brackets = limits.brackets.min(MOST_BRACKETS);
    let (mut at, mut tokens, mut brackets, mut directives) = (0, 0, 0_usize, 0);
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b' ' | b',' | b'\t' | b'\r' | b'\n' | 0x80.. => {
                at += 1;
                continue;
            }
            b'#' => {
                at = end_of_comment(bytes, at);
                continue;
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'1'..=b'9' => {
                let end = end_of_word(bytes, at);
                if end - at > limits.name {
                    return Err(Error::bad_request("The query has a name that is too long"));
                }
                end
            }
            b'(' | b'[' | b'{' => {
                brackets += 1;
                if brackets > most_brackets {
                    return Err(Error::bad_request(TOO_DEEP));
                }
                at + 1
            }
            b')' | b']' | b'}' => {
                brackets = brackets.saturating_sub(1);
                at + 1
            }
            b'"' => end_of_string(bytes, at)
                .ok_or_else(|| Error::bad_request("The query has a string that is not closed"))?,
            b'@' => {
                directives += 1;
                if directives > limits.directives {
                    return Err(Error::bad_request("The query has too many directives"));
                }
                at + 1
            }
            b'.' if bytes[at..].starts_with(b"...") => at + 3,
            _ => at + 1,
        };
        tokens += 1;
        if tokens > limits.tokens {
            return Err(Error::bad_request("The query has too many parts"));
        }
    }
    Ok(())
}

fn end_of_word(bytes: &[u8], start: usize) -> usize {
    let rest = bytes[start..].iter();
    start + rest.take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

fn end_of_comment(bytes: &[u8], start: usize) -> usize {
    start + bytes[start..].iter().take_while(|byte| !matches!(byte, b'\r' | b'\n')).count()
}

/// Where the string that opens at `start` ends; `None` if it does not. That is refused here because the parser would
/// read an unclosed block string again as an empty string with something behind it.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let block = bytes[start..].starts_with(b"\"\"\"");
    let mut at = start + if block { 3 } else { 1 };
    loop {
        at += match bytes.get(at)? {
            b'\\' if !block => 2,
            b'\\' if bytes[at..].starts_with(b"\\\"\"\"") => 4,
            b'"' if !block => return Some(at + 1),
            b'"' if bytes[at..].starts_with(b"\"\"\"") => return Some(at + 3),
            b'\r' | b'\n' if !block => return None,
            _ => 1,
        };
    }
}

/// The parser's complaint without the text it draws around it.
fn syntax(error: parser::Error) -> Error {
    Error::bad_request(match error {
        parser::Error::Syntax { message, start, .. } => {
            let reason = message.rsplit("= ").next().unwrap_or_default().trim();
            let sentence =
                format!("The query cannot be parsed at line {}, column {}: {reason}", start.line, start.column);
            clipped(&sentence, 200)
        }
        parser::Error::MultipleOperations { .. } => "The query has an operation without a name beside others".into(),
        parser::Error::OperationDuplicated { operation, .. } => {
            format!("The query has two operations named {}", clipped(&operation, MOST_ECHOED))
        }
        parser::Error::FragmentDuplicated { fragment, .. } => {
            format!("The query has two fragments named {}", clipped(&fragment, MOST_ECHOED))
        }
        parser::Error::MissingOperation => "The query has no operation".into(),
        parser::Error::RecursionLimitExceeded => TOO_DEEP.into(),
        _ => "The query cannot be parsed".into(),
    })
}

fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Adds up each fragment once, those without spreads first, so that the work grows with the text and not with what the
/// text opens to.
fn measure(document: &ExecutableDocument, limits: &Limits) -> Result<()> {
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
fn shape<'a>(set: &'a SelectionSet, known: &HashMap<&str, Shape<'a>>, limits: &Limits) -> Result<Shape<'a>> {
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

#[cfg(test)]
mod tests;
