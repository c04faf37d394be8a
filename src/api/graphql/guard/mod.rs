//! Refuses a hostile GraphQL text before the engine sees it. A kilobyte is enough to overflow the stack of the engine's
//! parser (nested values) or to occupy its validation for minutes (fragments that double): so the raw text is measured
//! first, what it comes to once its fragments are opened second, and what it asks for by the schema third. It knows no
//! person.

mod cost;
mod escapes;
mod limits;
mod measure;
mod scan;
mod variables;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationType};
use async_graphql::parser::{self, parse_query};

use crate::error::{Error, Result};

use limits::TOO_DEEP;

pub use cost::Cost;
pub(crate) use cost::cost;
pub use limits::QueryLimits;
pub use variables::{Variables, variables};

/// Characters of the text that a sentence may repeat.
const MAX_ECHOED_CHARACTERS: usize = 64;

/// Parses a document that keeps within `limits`; the engine can then validate and run it in bounded time and stack.
///
/// Errors are all `BadRequest`, with a sentence that says which limit is broken, or where the text cannot be parsed.
/// Fragments that nobody defines and names that no schema has are left to validation.
pub fn parse(text: &str, limits: &QueryLimits) -> Result<ExecutableDocument> {
    scan::scan(text, limits)?;
    let document = parse_query(escapes::resolve(text)).map_err(syntax)?;
    measure::measure(&document, limits)?;
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
        (None, Some(name)) => Err(Error::bad_request(format!(
            "The query has no operation named {}",
            clipped(name, MAX_ECHOED_CHARACTERS)
        ))),
        (None, None) => Err(Error::bad_request("The query has no operation")),
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
            format!("The query has two operations named {}", clipped(&operation, MAX_ECHOED_CHARACTERS))
        }
        parser::Error::FragmentDuplicated { fragment, .. } => {
            format!("The query has two fragments named {}", clipped(&fragment, MAX_ECHOED_CHARACTERS))
        }
        parser::Error::MissingOperation => "The query has no operation".into(),
        parser::Error::RecursionLimitExceeded => TOO_DEEP.into(),
        _ => "The query cannot be parsed".into(),
    })
}

fn clipped(text: &str, max_characters: usize) -> String {
    match text.char_indices().nth(max_characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
