//! How answers look in the reference: envelopes around what handlers answer with. It is told types and describes no
//! endpoint.

use axum::http::StatusCode;
use utoipa::ToSchema;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr};

use super::refusals::{Answers, operations};

/// One thing, under each of the statuses.
pub(super) fn one<T: ToSchema>(statuses: &[StatusCode]) -> Answers {
    let answer = |status: &StatusCode| {
        let (said, name) = (status.canonical_reason().unwrap_or_default(), stem::<T>());
        (status.as_str().to_owned(), success(&format!("{name}Answer"), said, by_name::<T>(), None))
    };
    statuses.iter().map(answer).collect()
}

/// A list as a whole.
pub(super) fn list<T: ToSchema>() -> Answers {
    let items = ArrayBuilder::new().items(by_name::<T>()).into();
    [("200".to_owned(), success(&format!("{}ListAnswer", stem::<T>()), "OK", items, None))].into()
}

/// A page of a list.
pub(super) fn page<T: ToSchema, P: ToSchema>() -> Answers {
    let items = ArrayBuilder::new().items(by_name::<T>()).into();
    let name = format!("{}PageAnswer", stem::<T>());
    [("200".to_owned(), success(&name, "OK", items, Some(by_name::<P>())))].into()
}

/// `ChatMessage` of `ChatMessageResponse`.
fn stem<T: ToSchema>() -> String {
    let name = T::name();
    name.strip_suffix("Response").unwrap_or(&name).to_owned()
}

/// Objects are described once, under their names; whatever else stands where it is.
fn by_name<T: ToSchema>() -> RefOr<Schema> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) if object.schema_type != SchemaType::Type(Type::Object) => object.into(),
        _ => Ref::from_schema_name(T::name()).into(),
    }
}

/// An envelope, with its name for its title: [`name_envelopes`] puts it where types are.
fn success(name: &str, said: &str, data: RefOr<Schema>, page: Option<RefOr<Schema>>) -> RefOr<Response> {
    let mut envelope = ObjectBuilder::new()
        .title(Some(name))
        .property("success", ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])))
        .required("success")
        .property("error", ObjectBuilder::new().schema_type(Type::Null))
        .required("error")
        .property("data", data)
        .required("data");
    if let Some(page) = page {
        envelope = envelope.property("page", page).required("page");
    }
    let content = ContentBuilder::new().schema(Some(envelope)).build();
    ResponseBuilder::new().description(said).content("application/json", content).into()
}

/// Gives the envelopes their names among the types.
pub fn name_envelopes(api: &mut OpenApi) {
    let Some(components) = &mut api.components else { return };
    let responses = operations(&mut api.paths).flat_map(|operation| operation.responses.responses.values_mut());
    for response in responses {
        let RefOr::T(response) = response else { continue };
        for content in response.content.values_mut() {
            let RefOr::T(content) = content else { continue };
            let Some(RefOr::T(Schema::Object(object))) = &mut content.schema else { continue };
            let Some(name) = object.title.take() else { continue };
            components.schemas.insert(name.clone(), RefOr::T(Schema::Object(object.clone())));
            content.schema = Some(Ref::from_schema_name(name).into());
        }
    }
}
