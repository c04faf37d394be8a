//! Documents that were parsed and have passed the guard, kept by their text, so that a client who asks the same again
//! costs no parser. What depends on variables or on the caller is not kept, and neither is what was refused.

use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicU64, Ordering};

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition};
use moka::sync::Cache;

use super::asked_types::ask_types;
use super::catalog::Catalog;
use super::guard;
use super::operation::definition;
use super::response_shape::ResponseShape;
use crate::error::Result;

/// Memory that all kept documents may come to, as estimated.
const MAX_BYTES: u64 = 16 << 20;
/// What a document in memory is larger than its text.
const BYTES_PER_CHARACTER: usize = 40;
/// What the smallest counts as: by this a thousand are kept, and no more.
const MIN_BYTES: usize = 16 << 10;
/// A text beyond this is parsed each time: it holds values, and will not come again.
const MAX_TEXT_BYTES: usize = 16 << 10;

/// The documents of late.
pub(crate) struct Documents {
    kept: Cache<Arc<str>, Arc<Document>>,
    #[cfg(test)]
    parsed: AtomicU64,
}

/// A document that keeps within the limits, and what its operations answer with.
pub(crate) struct Document {
    pub parsed: Arc<ExecutableDocument>,
    /// By the names of the operations, of which the only one may have none.
    shapes: Vec<(Option<String>, Arc<ResponseShape>)>,
}

impl Documents {
    pub fn new() -> Self {
        let weigh = |text: &Arc<str>, _: &Arc<Document>| {
            u32::try_from((text.len() * BYTES_PER_CHARACTER).max(MIN_BYTES)).unwrap_or(u32::MAX)
        };
        Self {
            kept: Cache::builder().max_capacity(MAX_BYTES).weigher(weigh).build(),
            #[cfg(test)]
            parsed: AtomicU64::new(0),
        }
    }

    /// The document of a text.
    ///
    /// # Errors
    /// `BadRequest` for one that cannot be parsed or goes beyond a limit.
    pub fn get(&self, text: &str, limits: &guard::QueryLimits, catalog: &Catalog) -> Result<Arc<Document>> {
        if let Some(known) = self.kept.get(text) {
            return Ok(known);
        }
        #[cfg(test)]
        self.parsed.fetch_add(1, Ordering::Relaxed);
        let mut parsed = guard::parse(text, limits)?;
        ask_types(catalog, &mut parsed);
        let parsed = Arc::new(parsed);
        let shape = |operation: &OperationDefinition| Arc::new(ResponseShape::of(catalog, &parsed, operation));
        let shapes =
            parsed.operations.iter().map(|(name, operation)| (name.map(ToString::to_string), shape(&operation.node)));
        let document = Arc::new(Document { shapes: shapes.collect(), parsed: Arc::clone(&parsed) });
        if text.len() <= MAX_TEXT_BYTES {
            self.kept.insert(text.into(), Arc::clone(&document));
        }
        Ok(document)
    }
}

impl Document {
    /// The operation called `name`, or the only one, and the shape of its answer.
    pub fn operation(&self, name: Option<&str>) -> Option<(&OperationDefinition, Arc<ResponseShape>)> {
        let shape = self.shapes.iter().find(|(known, _)| name.is_none() || known.as_deref() == name);
        Some((definition(&self.parsed, name)?, Arc::clone(&shape?.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::graphql::schema::schema;

    fn parsed(documents: &Documents) -> u64 {
        documents.parsed.load(Ordering::Relaxed)
    }

    #[test]
    fn what_is_asked_again_is_not_parsed_again() {
        let (documents, catalog, limits) = (Documents::new(), Catalog::of(&schema()), guard::QueryLimits::default());
        let text = "query a($n: Int) { conversations(first: $n) { edges { node { id } } } } query b { me { name } }";
        let first = documents.get(text, &limits, &catalog).unwrap();
        let again = documents.get(text, &limits, &catalog).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(parsed(&documents), 1);
        assert!(again.operation(Some("a")).is_some() && again.operation(Some("c")).is_none());
        documents.get(&format!("{text} "), &limits, &catalog).unwrap();
        assert_eq!(parsed(&documents), 2, "another text is another document");
    }

    #[test]
    fn what_is_refused_is_not_kept() {
        let (documents, catalog, limits) = (Documents::new(), Catalog::of(&schema()), guard::QueryLimits::default());
        for _ in 0..2 {
            assert!(documents.get("{ me { ", &limits, &catalog).is_err());
            assert!(documents.get(&format!("{}{{ id }}", "{ a ".repeat(50)), &limits, &catalog).is_err());
        }
        documents.kept.run_pending_tasks();
        assert_eq!((parsed(&documents), documents.kept.entry_count()), (4, 0));
    }

    #[test]
    fn kept_documents_are_bounded_in_number_and_in_size() {
        let (documents, catalog, limits) = (Documents::new(), Catalog::of(&schema()), guard::QueryLimits::default());
        for number in 0..3_000 {
            documents.get(&format!("{{ a{number}: me {{ id }} }}"), &limits, &catalog).unwrap();
        }
        documents.kept.run_pending_tasks();
        assert!(documents.kept.entry_count() <= 1_024, "{}", documents.kept.entry_count());
        for number in 0..100 {
            let text = format!("{{ a{number}: me {{ id }} }} # {}", "x".repeat(MAX_TEXT_BYTES - 100));
            documents.get(&text, &limits, &catalog).unwrap();
        }
        documents.kept.run_pending_tasks();
        assert!(documents.kept.weighted_size() <= MAX_BYTES, "{}", documents.kept.weighted_size());
        let before = parsed(&documents);
        let long = format!("{{ me {{ id }} }} # {}", "x".repeat(MAX_TEXT_BYTES));
        documents.get(&long, &limits, &catalog).unwrap();
        documents.get(&long, &limits, &catalog).unwrap();
        assert_eq!(parsed(&documents), before + 2, "a long text is parsed each time");
    }
}
