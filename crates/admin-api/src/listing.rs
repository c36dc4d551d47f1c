//! Answers with many rows, and with none.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// The rows of all servers that answered, and which did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The servers whose rows are missing.
    pub unanswered: Vec<Unanswered>,
}

impl<T> Listing<T> {
    /// Everything there is.
    pub fn complete(rows: Vec<T>) -> Self {
        Self { rows, unanswered: Vec::new() }
    }
}

/// Nothing, and nobody missing.
impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self::complete(Vec::new())
    }
}

/// A server that did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unanswered {
    /// The server.
    pub server: String,
    /// Why, for people.
    pub why: String,
}

/// Written out, because every kind of listing has a name of its own in the document: `CopyRowListing`.
impl<T: ToSchema> PartialSchema for Listing<T> {
    fn schema() -> RefOr<Schema> {
        let list = |name: &str| ArrayBuilder::new().items(Ref::from_schema_name(name));
        ObjectBuilder::new()
            .property("rows", list(&T::name()))
            .property("unanswered", list(&Unanswered::name()))
            .required("rows")
            .required("unanswered")
            .description(Some("The rows of all servers that answered, and which did not."))
            .into()
    }
}

impl<T: ToSchema> ToSchema for Listing<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Listing", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
        schemas.push((T::name().into_owned(), T::schema()));
        schemas.push((Unanswered::name().into_owned(), Unanswered::schema()));
    }
}

/// Nothing is asked beyond the path: an empty object, or no body at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl IntoParams for Nothing {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Vec::new()
    }
}
