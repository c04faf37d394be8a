//! Hostile texts and honest ones: what is refused, how soon, and what passes.

use std::fmt::Write;
use std::time::{Duration, Instant};

use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Schema};
use proptest::prelude::*;

use super::limits::TOO_MANY_FIELDS;
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
    refusal_under(text, &QueryLimits::default())
}

fn refusal_under(text: &str, limits: &QueryLimits) -> String {
    let error = parse(text, limits).expect_err(&clipped(text, 200));
    assert_eq!(error.kind, Kind::BadRequest);
    error.message.into_owned()
}

fn accepted(text: &str) -> ExecutableDocument {
    parse(text, &QueryLimits::default()).unwrap_or_else(|error| panic!("{error}: {}", clipped(text, 200)))
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
            let long = text.len() > QueryLimits::default().size;
            let (sentence, took) = timed(text);
            println!("{shape} nested {levels} deep: {sentence}, {took:?}");
            assert_eq!(sentence, if long { "The query is too long" } else { TOO_DEEP }, "{shape}");
            assert!(took < Duration::from_millis(250), "{shape} nested {levels} deep took {took:?}");
        }
    }
    let generous = QueryLimits { size: 1 << 20, tokens: 1 << 20, brackets: 1 << 20, ..QueryLimits::default() };
    assert_eq!(refusal_under(&format!("{{f(x:{})}}", nested("[", 100_000, "]")), &generous), TOO_DEEP);
}

#[test]
fn the_deepest_nesting_that_is_taken_fits_a_stack_of_a_worker() {
    let limits = QueryLimits { brackets: 1_000, depth: 1_000, ..QueryLimits::default() };
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
        assert!(took < Duration::from_millis(250), "took {took:?}");
    }
    for (levels, spreads) in [(200, 1), (100, 2), (60, 10)] {
        let most = QueryLimits { fields: 199, ..QueryLimits::default() };
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
    accepted("{ ...a ...b } fragment a on Query { ...c ...c } fragment b on Query { ...c } fragment c on Query { id }");
}

#[test]
fn fragments_that_nobody_defines_are_left_to_validation() {
    accepted("{ ...nobody me { ...nobody } } fragment a on Query { ...nobody }");
}

#[test]
fn the_introspection_query_of_graphql_js_passes() {
    let document = accepted(INTROSPECTION);
    assert_eq!(operation(&document, Some("IntrospectionQuery")), Ok(OperationType::Query));
    let tight = QueryLimits { depth: 15, fields: 240, ..QueryLimits::default() };
    assert!(parse(INTROSPECTION, &tight).is_ok(), "the documented numbers hold");
    assert_eq!(refusal_under(INTROSPECTION, &QueryLimits { depth: 14, ..tight }), TOO_DEEP);
}

#[test]
fn introspection_can_be_switched_off_wherever_it_hides() {
    let limits = QueryLimits { introspection: false, ..QueryLimits::default() };
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
    let limits = QueryLimits { depth: 3, ..QueryLimits::default() };
    assert!(parse("{ a { b { c } } }", &limits).is_ok());
    assert!(parse("{ ... { a { ... on A { ...f } } } } fragment f on A { b { c } }", &limits).is_ok());
    assert_eq!(refusal_under("{ a { b { c { d } } } }", &limits), TOO_DEEP);
    assert_eq!(refusal_under("{ a { ...f } } fragment f on A { b { c { d } } }", &limits), TOO_DEEP);
}

#[test]
fn the_size_of_all_operations_together_is_limited() {
    let limits = QueryLimits { fields: 6, ..QueryLimits::default() };
    assert!(parse("query a { x y z } query b { x y z }", &limits).is_ok());
    assert_eq!(refusal_under("query a { x y z } query b { x y z w }", &limits), TOO_MANY_FIELDS);
}

#[test]
fn one_field_under_many_aliases_is_refused() {
    let sentence = "The query asks for the same field too often in one place";
    let many = |count: usize, of: &str| (0..count).map(|n| format!("a{n}: {of} ")).collect::<String>();
    accepted(&format!("{{ {} }}", many(20, "me")));
    assert_eq!(refusal(&format!("{{ {} }}", many(21, "me"))), sentence);
    assert_eq!(refusal(&format!("{{ {} }}", "me { id } ".repeat(21))), sentence, "without aliases");
    let halves = format!("{{ ...f ... {{ {} }} }} fragment f on Query {{ {} }}", many(11, "me"), many(10, "me"));
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
    let refused = parse(text, &QueryLimits::default());
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
    "{", "}", "[", "]", "(", ")", "{a", "{a:", "(x:", "[[", "]]", "\"", "\"\"\"", "\\", "\\\"\"\"", "#", "\n", "\r",
    "...", "... on A", "@skip", "$v", "=", ":", "!", "query", "fragment", "f", "on", "1", "-", "0", "1e9", ",", " ",
    "\u{feff}", "é",
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
