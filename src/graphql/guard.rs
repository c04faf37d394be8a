//! Refuses a hostile GraphQL text before the engine sees it. A kilobyte is enough to overflow the stack of the engine's
//! parser (nested values) or to occupy its validation for minutes (fragments that double): so the raw text is measured
//! first, and what it comes to once its fragments are opened second. It knows no schema, no variables and no person.

use std::collections::HashMap;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql::parser::{self, parse_query};

use crate::error::{Error, Result};

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
    /// How often one field may be asked for in one place, under whatever aliases, fragments opened, by default 30.
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
            aliases: 30,
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
mod tests {
    use std::fmt::Write;
    use std::time::{Duration, Instant};

    use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Schema};
    use proptest::prelude::*;

    use super::*;
    use crate::error::Kind;

    /// What graphql-js 16 sends, with every option on.
    const INTROSPECTION: &str = r#"
        query IntrospectionQuery {
          __schema {
            description
            queryType { name kind }
            mutationType { name kind }
            subscriptionType { name kind }
            types { ...FullType }
            directives {
              name
              description
              isRepeatable
              locations
              args(includeDeprecated: true) { ...InputValue }
            }
          }
        }
        fragment FullType on __Type {
          kind
          name
          description
          specifiedByURL
          isOneOf
          fields(includeDeprecated: true) {
            name
            description
            args(includeDeprecated: true) { ...InputValue }
            type { ...TypeRef }
            isDeprecated
            deprecationReason
          }
          inputFields(includeDeprecated: true) { ...InputValue }
          interfaces { ...TypeRef }
          enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
          possibleTypes { ...TypeRef }
        }
        fragment InputValue on __InputValue {
          name
          description
          type { ...TypeRef }
          defaultValue
          isDeprecated
          deprecationReason
        }
        fragment TypeRef on __Type {
          kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType {
          kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
          } } } } } } } } }
        }"#;

    fn refusal(text: &str) -> String {
        refusal_under(text, &Limits::default())
    }

    fn refusal_under(text: &str, limits: &Limits) -> String {
        let error = parse(text, limits).expect_err(&clipped(text, 200));
        assert_eq!(error.kind, Kind::BadRequest);
        error.message.into_owned()
    }

    fn accepted(text: &str) -> ExecutableDocument {
        parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{error}: {}", clipped(text, 200)))
    }

    /// The sentence of the refusal and the time it took, the best of ten, on a thread with the stack of a worker.
    fn timed(text: String) -> (String, Duration) {
        let run = move || {
            (0..10)
                .map(|_| {
                    let start = Instant::now();
                    let sentence = refusal(&text);
                    (sentence, start.elapsed())
                })
                .min_by_key(|(_, took)| *took)
                .unwrap()
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap()
    }

    fn spreading(levels: usize, spreads: usize) -> String {
        let mut text = String::from("{ ...f0 }");
        for level in 0..levels {
            let inside = format!("...f{} ", level + 1).repeat(spreads);
            write!(text, " fragment f{level} on Query {{ {inside}}}").unwrap();
        }
        text + &format!(" fragment f{levels} on Query {{ id }}")
    }

    fn nested(open: &str, levels: usize, close: &str) -> String {
        open.repeat(levels) + &close.repeat(levels)
    }

    #[test]
    fn nesting_that_would_overflow_the_stack_is_refused_at_once() {
        for levels in [65, 1_400, 10_000, 30_000] {
            let lists = nested("[", levels, "]");
            let shapes = [
                ("lists", format!("{{f(x:{lists})}}")),
                ("objects", format!("{{f(x:{}1{})}}", "{a:".repeat(levels), "}".repeat(levels))),
                ("fields", format!("{}{{b}}{}", "{a".repeat(levels), "}".repeat(levels))),
                ("directive", format!("{{f @skip(if:{lists})}}")),
                ("default", format!("query($v:[Int]={lists}){{f}}")),
                ("type", format!("query($v:{}Int{}){{f}}", "[".repeat(levels), "]".repeat(levels))),
                ("inline", format!("{{{}{{b}}{}}}", "...{a ".repeat(levels), "}".repeat(levels))),
                ("unclosed", format!("{{f(x:{}", "[".repeat(levels))),
                ("mixed", format!("{{f(x:{}", "[{a:".repeat(levels))),
                ("behind a string", format!("{{f(y:\"\\\"]]]\" x:{lists})}}")),
                ("behind a comment", format!("{{f(# )]}} \"\n x:{lists})}}")),
            ];
            for (shape, text) in shapes {
                let long = text.len() > Limits::default().size;
                let (sentence, took) = timed(text);
                println!("{shape} nested {levels} deep: {sentence}, {took:?}");
                assert_eq!(sentence, if long { "The query is too long" } else { TOO_DEEP }, "{shape}");
                assert!(took < Duration::from_millis(5), "{shape} nested {levels} deep took {took:?}");
            }
        }
        let generous = Limits { size: 1 << 20, tokens: 1 << 20, brackets: 1 << 20, ..Limits::default() };
        assert_eq!(refusal_under(&format!("{{f(x:{})}}", nested("[", 100_000, "]")), &generous), TOO_DEEP);
    }

    #[test]
    fn the_deepest_nesting_that_is_taken_fits_a_stack_of_a_worker() {
        let limits = Limits { brackets: 1_000, depth: 1_000, ..Limits::default() };
        let texts = [
            format!("{{f(x:{})}}", nested("[", 62, "]")),
            format!("{{f(x:{}1{})}}", "{a:".repeat(62), "}".repeat(62)),
            format!("{}{{b}}{}", "{a".repeat(63), "}".repeat(63)),
            format!("{{{}b{}}}", "...{".repeat(63), "}".repeat(63)),
            format!("query($v:[Int]={}){{f}}", nested("[", 63, "]")),
        ];
        let run = move || {
            texts.iter().for_each(|text| assert!(parse(text, &limits).is_ok()));
            soon(&format!("{{a(x:{}){{id}}}}", nested("[", 38, "]")));
            soon(&format!("{{{}id{}}}", "...{".repeat(30), "}".repeat(30)));
            soon(&format!("{}{{id}}{}", "{a".repeat(15), "}".repeat(15)));
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
    }

    #[test]
    fn fragments_that_multiply_are_refused_at_once() {
        for (levels, spreads) in [(22, 2), (30, 2), (31, 2), (30, 3), (31, 3)] {
            let text = spreading(levels, spreads);
            let bytes = text.len();
            let (sentence, took) = timed(text);
            println!("{levels} levels of {spreads} spreads, {bytes} bytes: {sentence}, {took:?}");
            assert_eq!(sentence, TOO_MANY_FIELDS);
            assert!(took < Duration::from_millis(5), "took {took:?}");
        }
        for (levels, spreads) in [(200, 1), (100, 2), (60, 10)] {
            let most = Limits { fields: 199, ..Limits::default() };
            assert_eq!(refusal_under(&spreading(levels, spreads), &most), TOO_MANY_FIELDS);
        }
    }

    #[test]
    fn fragments_that_nobody_spreads_are_measured_too() {
        let text = spreading(30, 2).replace("{ ...f0 }", "{ id }");
        assert_eq!(refusal(&text), TOO_MANY_FIELDS);
        assert_eq!(
            refusal("{ id } fragment a on Query { ...a }"),
            "The query has a fragment that contains itself",
            "an unused cycle"
        );
    }

    #[test]
    fn fragments_that_contain_themselves_are_refused() {
        let sentence = "The query has a fragment that contains itself";
        assert_eq!(refusal("{ ...a } fragment a on Query { id ...a }"), sentence);
        assert_eq!(
            refusal("{ ...a } fragment a on Query { me { ...b } } fragment b on User { ...on User { ...a } }"),
            sentence
        );
        accepted(
            "{ ...a ...b } fragment a on Query { ...c ...c } fragment b on Query { ...c } fragment c on Query { id }",
        );
    }

    #[test]
    fn fragments_that_nobody_defines_are_left_to_validation() {
        accepted("{ ...nobody me { ...nobody } } fragment a on Query { ...nobody }");
    }

    #[test]
    fn the_introspection_query_of_graphql_js_passes() {
        let document = accepted(INTROSPECTION);
        assert_eq!(operation(&document, Some("IntrospectionQuery")), Ok(OperationType::Query));
        let tight = Limits { depth: 15, fields: 240, ..Limits::default() };
        assert!(parse(INTROSPECTION, &tight).is_ok(), "the documented numbers hold");
        assert_eq!(refusal_under(INTROSPECTION, &Limits { depth: 14, ..tight }), TOO_DEEP);
    }

    #[test]
    fn introspection_can_be_switched_off_wherever_it_hides() {
        let limits = Limits { introspection: false, ..Limits::default() };
        for text in [
            INTROSPECTION,
            "{ __schema { types { name } } }",
            "{ me: __type(name: \"User\") { name } }",
            "{ ... { ... on Query { __schema { description } } } }",
            "{ ...a } fragment a on Query { ...b } fragment b on Query { __type(name: \"User\") { name } }",
            "query a { id } query b { __schema { description } }",
        ] {
            assert_eq!(refusal_under(text, &limits), "Introspection is switched off");
        }
        for text in ["{ me { __typename } }", "{ f(x: \"__schema\") __schema: id }", "{ id } # __schema"] {
            assert!(parse(text, &limits).is_ok(), "{text}");
        }
    }

    #[test]
    fn depth_counts_fields_and_not_fragments() {
        let limits = Limits { depth: 3, ..Limits::default() };
        assert!(parse("{ a { b { c } } }", &limits).is_ok());
        assert!(parse("{ ... { a { ... on A { ...f } } } } fragment f on A { b { c } }", &limits).is_ok());
        assert_eq!(refusal_under("{ a { b { c { d } } } }", &limits), TOO_DEEP);
        assert_eq!(refusal_under("{ a { ...f } } fragment f on A { b { c { d } } }", &limits), TOO_DEEP);
    }

    #[test]
    fn the_size_of_all_operations_together_is_limited() {
        let limits = Limits { fields: 6, ..Limits::default() };
        assert!(parse("query a { x y z } query b { x y z }", &limits).is_ok());
        assert_eq!(refusal_under("query a { x y z } query b { x y z w }", &limits), TOO_MANY_FIELDS);
    }

    #[test]
    fn one_field_under_many_aliases_is_refused() {
        let sentence = "The query asks for the same field too often in one place";
        let many = |count: usize, of: &str| (0..count).map(|n| format!("a{n}: {of} ")).collect::<String>();
        accepted(&format!("{{ {} }}", many(30, "me")));
        assert_eq!(refusal(&format!("{{ {} }}", many(31, "me"))), sentence);
        assert_eq!(refusal(&format!("{{ {} }}", "me { id } ".repeat(31))), sentence, "without aliases");
        let halves = format!("{{ ...f ... {{ {} }} }} fragment f on Query {{ {} }}", many(16, "me"), many(15, "me"));
        assert_eq!(refusal(&halves), sentence, "through fragments");
        accepted(&format!("{{ me {{ {} }} }}", "id ".repeat(500)));
        assert_eq!(refusal(&format!("{{ {} }}", many(3_000, "me"))), "The query has too many parts");
    }

    #[test]
    fn a_mutation_changes_ten_things_at_most() {
        let sends = |count: usize| (0..count).map(|n| format!("m{n}: send(n: {n}) {{ id }} ")).collect::<String>();
        accepted(&format!("mutation {{ {} }}", sends(10)));
        let sentence = "The mutation changes too many things at once";
        assert_eq!(refusal(&format!("mutation {{ {} }}", sends(11))), sentence);
        assert_eq!(refusal(&format!("mutation {{ {} }}", "ping ".repeat(11))), sentence);
        let hidden = "mutation { ...f ...f } fragment f on Mutation { ... { a b c } d e f }";
        assert_eq!(refusal(hidden), sentence);
        accepted(&format!("query {{ {} }}", "ping ".repeat(11)));
    }

    #[test]
    fn a_subscription_asks_for_one_thing() {
        accepted("subscription { events { cursor __typename } }");
        assert_eq!(
            refusal("subscription { events { cursor } typing { on } }"),
            "The subscription asks for too many fields"
        );
    }

    #[test]
    fn size_tokens_names_and_directives_are_limited() {
        accepted(&format!("{{ f(x: \"{}\") }}", "\\u2764".repeat(10_000)));
        assert_eq!(refusal(&" ".repeat(65_537)), "The query is too long");
        for part in ["a ", "a", "0", "-1", "$a:Int", "...f ", "\"\"", "1.5", "a:b ", "|", "!"] {
            let text = format!("{{ f(x: [{}]) }}", part.repeat(65_000 / part.len()));
            let sentence = refusal(&text);
            let expected = ["The query has too many parts", "The query has a name that is too long"];
            assert!(expected.contains(&sentence.as_str()), "{part}: {sentence}");
        }
        accepted(&format!("{{ {} }}", "n".repeat(128)));
        assert_eq!(refusal(&format!("{{ {} }}", "n".repeat(129))), "The query has a name that is too long");
        accepted(&format!("{{ f {} }}", "@d ".repeat(50)));
        assert_eq!(refusal(&format!("{{ f {} }}", "@d ".repeat(51))), "The query has too many directives");
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_nest() {
        let deep = "[{(".repeat(1_000);
        accepted(&format!("{{ f(x: \"{deep}\") }}"));
        accepted(&format!("{{ f(x: \"\\\"{deep}\\\\\") }}"));
        accepted(&format!("{{ f(x: \"\"\"{deep} \"\" \\\"\"\" {deep}\n\"{deep}\"\"\") }}"));
        accepted(&format!("{{ # {deep} \" \"\"\"\r f # {deep}\n }}"));
        accepted("{ f(x: \"\", y: \"\"\"\"\"\", z: \"\"\"\\\"\"\"\"\"\") }");
    }

    #[test]
    fn strings_that_are_not_closed_are_refused() {
        for text in
            ["{ f(x: \"a) }", "{ f(x: \"a\n\") }", "{ f(x: \"\"\"a\"\") }", "{ f(x: \"\"\"\\\"\"\") }", "\"", "\"\\"]
        {
            assert_eq!(refusal(text), "The query has a string that is not closed", "{text}");
        }
    }

    #[test]
    fn a_parse_error_is_short_and_does_not_repeat_the_text() {
        assert_eq!(refusal("{ a(x: ) }"), "The query cannot be parsed at line 1, column 8: expected value");
        assert!(refusal("").starts_with("The query cannot be parsed at line 1, column 1: expected"));
        let secret = "s3cret".repeat(20);
        for text in [
            format!("{{ a(x: ] {secret}) }}"),
            format!("{{ a \"= {secret}\" }}"),
            format!("{{ a }} = {secret}"),
            format!("{{ a ? = {secret}"),
            format!("query {secret} {{ a }} query {secret} {{ a }}"),
            format!("{{ a }} fragment {secret} on A {{ a }} fragment {secret} on A {{ a }}"),
            format!("{{ a(x: 1e99999) b(y: \"{secret}\") }}"),
        ] {
            let sentence = refusal(&text);
            assert!(sentence.chars().count() <= 201, "{sentence}");
            assert!(!sentence.contains(&secret[..65]) && !sentence.contains('\n'), "{sentence}");
        }
        assert_eq!(refusal("fragment a on A { a }"), "The query has no operation");
        assert_eq!(refusal("{ a } query b { a }"), "The query has an operation without a name beside others");
    }

    #[test]
    fn the_operation_is_the_named_or_the_only_one() {
        let one = accepted("mutation { a }");
        assert_eq!(operation(&one, None), Ok(OperationType::Mutation));
        assert_eq!(operation(&one, Some("a")), Err(Error::bad_request("The query has no operation named a")));
        let named = accepted("subscription s { a }");
        assert_eq!(operation(&named, None), Ok(OperationType::Subscription));
        assert_eq!(operation(&named, Some("s")), Ok(OperationType::Subscription));
        let several = accepted("query q { a } mutation m { a }");
        assert_eq!(operation(&several, Some("q")), Ok(OperationType::Query));
        assert_eq!(operation(&several, Some("m")), Ok(OperationType::Mutation));
        let several_and_none = operation(&several, None).unwrap_err();
        assert_eq!(several_and_none.message, "The query has several operations: choose one with operationName");
        let unknown = operation(&several, Some(&"x".repeat(1_000))).unwrap_err();
        assert!(unknown.message.chars().count() < 110);
    }

    struct Query;

    #[Object]
    impl Query {
        async fn id(&self) -> i32 {
            1
        }

        async fn a(&self, x: Option<Vec<i32>>) -> Query {
            let _ = x;
            Query
        }
    }

    /// Whatever the guard lets through, the whole engine answers soon.
    fn soon(text: &str) {
        let start = Instant::now();
        let refused = parse(text, &Limits::default());
        let guarded = start.elapsed();
        if let Ok(document) = refused {
            let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
            let mut request = Request::new(text);
            request.set_parsed_query(document);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(schema.execute(request));
        }
        let took = start.elapsed();
        assert!(took < Duration::from_secs(2), "guard {guarded:?}, all {took:?}: {}", clipped(text, 500));
    }

    fn soup(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
        prop::collection::vec((prop::sample::select(pieces), 1_usize..60), 0..most)
            .prop_map(|pieces| pieces.into_iter().map(|(piece, count)| piece.repeat(count)).collect())
    }

    const BRACKETS: &[&str] = &[
        "{", "}", "[", "]", "(", ")", "{a", "{a:", "(x:", "[[", "]]", "\"", "\"\"\"", "\\", "\\\"\"\"", "#", "\n",
        "\r", "...", "... on A", "@skip", "$v", "=", ":", "!", "query", "fragment", "f", "on", "1", "-", "0", "1e9",
        ",", " ", "\u{feff}", "é",
    ];

    const SETS: &[&str] =
        &["{", "}", " id ", " a{id} ", " ...f0 ", " ...f1 ", " ...f2 ", " a{...f1} ", " a(x:[1]){...f2} ", " ...{id} "];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn bracket_soup_is_refused_or_answered_soon(text in soup(BRACKETS, 80)) {
            soon(&text);
            soon(&format!("{{a(x:{text}"));
        }

        #[test]
        fn fragment_soup_is_refused_or_answered_soon(sets in prop::collection::vec(soup(SETS, 6), 4)) {
            let balanced = |set: &str| {
                let opened = set.matches('{').count();
                let closed = set.matches('}').count();
                format!("{}id{set}{}", "a{".repeat(closed.saturating_sub(opened)), "}".repeat(opened.saturating_sub(closed)))
            };
            let mut text = format!("{{ {} }}", balanced(&sets[0]));
            for (number, set) in sets[1..].iter().enumerate() {
                write!(text, " fragment f{number} on Query {{ {} }}", balanced(set)).unwrap();
            }
            soon(&text);
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,200}") {
            soon(&text);
        }
    }

    #[test]
    #[ignore = "prints timings"]
    fn timings() {
        let wide = format!("{{ f(x: \"{}\") }}", "x".repeat(64_000));
        let fields = format!("{{ {} }}", "field(argument: 1) { sub } ".repeat(25));
        for (name, text) in
            [("64 KB string", &wide), ("25 fields", &fields), ("introspection", &INTROSPECTION.to_owned())]
        {
            let limits = Limits::default();
            let best = |run: &dyn Fn()| {
                (0..200)
                    .map(|_| {
                        let start = Instant::now();
                        run();
                        start.elapsed()
                    })
                    .min()
                    .unwrap()
            };
            let scanned = best(&|| scan(text, &limits).unwrap());
            let document = parse_query(text).unwrap();
            let measured = best(&|| measure(&document, &limits).unwrap());
            let parsed = best(&|| drop(parse_query(text)));
            println!("{name}, {} bytes: scan {scanned:?}, parser {parsed:?}, measure {measured:?}", text.len());
        }
    }
}
