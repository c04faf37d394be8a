//! Documents for the guard of GraphQL.

use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use super::input::choice;
use crate::api::graphql::catalog::Catalog;
use crate::api::graphql::documents::Documents;
use crate::api::graphql::guard::{self, QueryLimits};
use crate::api::graphql::operation::Operation;
use crate::api::graphql::schema::schema;
use crate::error::{Error, Kind};
use crate::http::body;

/// The stack that a document has to be read within: that of the threads that serve requests.
const STACK_BYTES: usize = 2 << 20;
/// What one document may take, on a machine that does other things, too, by a build that is not optimised.
const MAX_TIME: Duration = Duration::from_secs(5);

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::of(&schema()));

/// What the guard takes is parsed, measured and counted in bounded time on a stack of 2 MB, be it a text by itself or in a
/// body; what it refuses, it refuses with a sentence of one line.
pub fn graphql_guard(data: &[u8]) {
    let (choice, rest) = choice(data);
    let mut operations = Vec::new();
    match choice & 1 {
        0 => {
            let Ok(query) = str::from_utf8(rest) else { return };
            let sent = serde_json::json!({ "query": query, "extensions": {} }).to_string();
            let read: Operation = body::from_json(sent.as_bytes()).expect("it was written so");
            assert_eq!(read.query, query);
            operations.push(read);
        }
        _ if body::is_list(rest) => match body::from_json::<Vec<Operation>>(rest) {
            Ok(read) => operations.extend(read),
            Err(refused) => assert_sentence(&refused),
        },
        _ => match body::from_json::<Operation>(rest) {
            Ok(read) => operations.push(read),
            Err(refused) => assert_sentence(&refused),
        },
    }
    if operations.is_empty() {
        return;
    }
    LazyLock::force(&CATALOG);
    let reading = move || operations.iter().for_each(read);
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(reading).expect("a thread is to be had");
    if thread.join().is_err() {
        panic!("the guard or what stands behind it panicked");
    }
}

fn read(operation: &Operation) {
    let began = Instant::now();
    let name = operation.operation_name.as_deref();
    let outcome = Documents::new().get(&operation.query, &QueryLimits::default(), &CATALOG).and_then(|document| {
        guard::operation(&document.parsed, name)?;
        let Some((chosen, _)) = document.operation(name) else { return Ok(()) };
        guard::variables(chosen, operation.variables.as_ref())?;
        guard::cost(&CATALOG, &document.parsed, chosen, operation.variables.as_ref()).map(drop)
    });
    if let Err(refused) = &outcome {
        assert_sentence(refused);
    }
    assert!(began.elapsed() < MAX_TIME, "it took {:?}", began.elapsed());
}

fn assert_sentence(refused: &Error) {
    assert_eq!(refused.kind, Kind::BadRequest);
    let sentence = &refused.message;
    assert!(!sentence.is_empty() && sentence.chars().count() <= 400, "{sentence}");
}
