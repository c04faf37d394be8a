//! What holds of everything that is described of a door, whichever it is: nothing is left out of what the server says, even
//! where it is null, and clients may leave out whatever they need not say. It knows no endpoint and no destination.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AllOf, Object, Schema};

/// What is left out of what the server says, where there is none.
const OPTIONAL: [(&str, &str); 2] = [("ChatMessageResponse", "tempId"), ("ErrorResponse", "retryAfterSeconds")];

/// How the names end of what clients say.
const OF_CLIENTS: [&str; 3] = ["Request", "Form", "Target"];

/// Says of the fields of what the server says that they are there: an `Option` alone would be taken for one that may be
/// missing. Of what clients say it takes the defaults away, since generators take a field that has one for one that is there.
pub fn complete(name: &str, schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) if OF_CLIENTS.iter().any(|end| name.ends_with(end)) => forget_defaults(object),
        RefOr::T(Schema::Object(object)) => require(name, object),
        RefOr::T(Schema::AllOf(AllOf { items, .. })) => items.iter_mut().for_each(|part| complete(name, part)),
        _ => {}
    }
}

fn forget_defaults(object: &mut Object) {
    for field in object.properties.values_mut() {
        match field {
            RefOr::T(Schema::Object(field)) => field.default = None,
            RefOr::T(Schema::Array(field)) => field.default = None,
            RefOr::T(Schema::OneOf(field)) => field.default = None,
            _ => {}
        }
    }
}

fn require(name: &str, object: &mut Object) {
    let left_out = |field: &str| OPTIONAL.contains(&(name, field));
    object.required = object.properties.keys().filter(|field| !left_out(field)).cloned().collect();
}
