//! What the schema says of each field: its type, whether it is a page of a list, and the tags that its resolver gives it.
//! Whoever adds a field says these things where the field is, and nowhere else.
//!
//! Tags: `own` (only this viewer's), `up-to-N` (how long this list is, as a rule), `search` (it searches or counts anew).

use std::collections::{HashMap, HashSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, OperationType, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, Positioned, SDLExportOptions, Value};

/// How long a list is taken to be that comes whole and has no tag.
const DEFAULT_LENGTH: u64 = 100;

/// The fields of every type of a schema, and those of every input.
pub(crate) struct Catalog {
    fields: HashMap<Name, HashMap<Name, Field>>,
    /// The types of each union and of each interface.
    members: HashMap<Name, Vec<Name>>,
    inputs: HashMap<Name, HashMap<Name, Input>>,
}

/// What the schema says of a field.
pub(crate) struct Field {
    pub ty: Type,
    pub arguments: HashMap<Name, Input>,
    /// How many entries it has; none where it is one value.
    pub entries: Option<Entries>,
    /// Whether it differs from viewer to viewer.
    pub is_own: bool,
    /// Whether it searches or counts anew each time that it is asked for.
    pub is_search: bool,
}

/// What the schema says of an argument, or of a field of an input.
pub(crate) struct Input {
    pub ty: Type,
    /// Whether it may be left out although it may not be null.
    pub has_default: bool,
}

/// How many entries a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entries {
    /// As many as its arguments `first` or `last` ask for.
    Asked,
    /// This many at most, or as a rule.
    UpTo(u64),
}

impl Catalog {
    /// Reads it from the schema itself.
    pub fn of<Q, M, S>(schema: &async_graphql::Schema<Q, M, S>) -> Self
    where
        Q: async_graphql::ObjectType + 'static,
        M: async_graphql::ObjectType + 'static,
        S: async_graphql::SubscriptionType + 'static,
    {
        // Tags are printed for federations only.
        Self::read(&schema.sdl_with_options(SDLExportOptions::new().federation()))
    }

    /// Reads it from the text of a schema.
    pub fn read(schema: &str) -> Self {
        let document = parse_schema(schema).expect("what the engine prints is a schema");
        let types = document.definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(found) => Some(found.node),
            _ => None,
        });
        let (mut composite, mut defined) = (HashSet::new(), Vec::new());
        let (mut inputs, mut members) = (HashMap::new(), HashMap::<Name, Vec<Name>>::new());
        for found in types {
            let fields = match found.kind {
                TypeKind::Object(object) => {
                    for interface in object.implements {
                        members.entry(interface.node).or_default().push(found.name.node.clone());
                    }
                    object.fields
                }
                TypeKind::Interface(interface) => interface.fields,
                TypeKind::Union(union) => {
                    let of_union = union.members.into_iter().map(|member| member.node).collect();
                    members.insert(found.name.node.clone(), of_union);
                    Vec::new()
                }
                TypeKind::InputObject(input) => {
                    inputs.insert(found.name.node, read_inputs(input.fields));
                    continue;
                }
                TypeKind::Scalar | TypeKind::Enum(_) => continue,
            };
            composite.insert(found.name.node.clone());
            defined.push((found.name.node, fields));
        }
        let definitions = || defined.iter().flat_map(|(_, fields)| fields).map(|field| &field.node);
        let paged = definitions().filter(|field| is_paged(field) && !is_list(&field.ty.node));
        // Types whose own lists are the entries of one page, which the field counts that leads there.
        let pages: HashSet<Name> = paged.map(|field| base(&field.ty.node).clone()).collect();
        let read = |of: &Name, field: FieldDefinition| {
            let tags: Vec<String> = tags(&field).collect();
            let is_list = is_list(&field.ty.node) && composite.contains(base(&field.ty.node)) && !pages.contains(of);
            let entries = match is_paged(&field) {
                true => Some(Entries::Asked),
                false => is_list.then(|| Entries::UpTo(length(&tags))),
            };
            let has = |tag: &str| tags.iter().any(|found| found == tag);
            let (is_own, is_search) = (has("own"), has("search"));
            Field { entries, is_own, is_search, ty: field.ty.node, arguments: read_inputs(field.arguments) }
        };
        let fields = defined.into_iter().map(|(of, fields)| {
            let fields = fields.into_iter().map(|field| (field.node.name.node.clone(), read(&of, field.node)));
            (of.clone(), fields.collect())
        });
        Self { fields: fields.collect(), members, inputs }
    }

    /// What the schema says of a field of a type; nothing where it has no such field.
    pub fn field(&self, of: &str, field: &str) -> Option<&Field> {
        self.fields.get(of)?.get(field)
    }

    /// The types that a union or an interface is of; none where this is neither.
    pub fn members(&self, of: &str) -> &[Name] {
        self.members.get(of).map_or(&[], Vec::as_slice)
    }

    /// Whether a fragment for the type `condition` is for an object of the type `of`. A type that the schema does not have
    /// is left to validation.
    pub fn applies(&self, condition: &str, of: &str) -> bool {
        condition == of || !self.fields.contains_key(of) || self.members(condition).iter().any(|member| member == of)
    }

    /// What the schema says of a field of an input; nothing where it has no such field.
    pub fn input(&self, of: &str, field: &str) -> Option<&Input> {
        self.inputs.get(of)?.get(field)
    }
}

/// The type that an operation starts from.
pub(crate) fn root(operation: OperationType) -> &'static str {
    match operation {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    }
}

/// What is at the bottom of a type, below all lists.
pub(crate) fn base(of: &Type) -> &Name {
    match &of.base {
        BaseType::Named(name) => name,
        BaseType::List(items) => base(items),
    }
}

fn read_inputs(definitions: Vec<Positioned<InputValueDefinition>>) -> HashMap<Name, Input> {
    let read = |definition: Positioned<InputValueDefinition>| {
        let InputValueDefinition { name, ty, default_value, .. } = definition.node;
        (name.node, Input { ty: ty.node, has_default: default_value.is_some() })
    };
    definitions.into_iter().map(read).collect()
}

fn is_list(of: &Type) -> bool {
    matches!(of.base, BaseType::List(_))
}

fn is_paged(field: &FieldDefinition) -> bool {
    field.arguments.iter().any(|argument| ["first", "last"].contains(&argument.node.name.node.as_str()))
}

fn tags(field: &FieldDefinition) -> impl Iterator<Item = String> {
    let directives = field.directives.iter().filter(|directive| directive.node.name.node == "tag");
    directives.filter_map(|directive| match &directive.node.get_argument("name")?.node {
        Value::String(tag) => Some(tag.clone()),
        _ => None,
    })
}

fn length(tags: &[String]) -> u64 {
    let tagged = tags.iter().find_map(|tag| tag.strip_prefix("up-to-")?.parse().ok());
    tagged.unwrap_or(DEFAULT_LENGTH)
}

#[cfg(test)]
mod tests;
