//! What a document may be at most, and the sentences for what is more.

/// A document is nested beyond its limit.
pub(super) const TOO_DEEP: &str = "The query is nested too deeply";
/// A document has more fields than its limit.
pub(super) const TOO_MANY_FIELDS: &str = "The query asks for too many fields";

/// What a document may be. Each limit is the largest number that is still taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryLimits {
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

impl Default for QueryLimits {
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
