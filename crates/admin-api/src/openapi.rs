//! The OpenAPI document, made of the table of routes.

use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref,
    RefOr, Required, ResponseBuilder, ResponsesBuilder,
};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;
use crate::routes::{self, Endpoint, Method, Route};

/// A type, by its name in the document.
type Named = (String, RefOr<Schema>);

/// The document that describes every route: what is asked, what is answered, and who may.
pub fn openapi() -> OpenApi {
    let mut book = Book::default();
    book.describe::<Problem>();
    routes::visit(&mut book);
    book.schemas.sort_by(|(a, _), (b, _)| a.cmp(b));
    book.schemas.dedup_by(|(a, _), (b, _)| a == b);
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("mailmedic")
                .version("v1")
                .description(Some(
                    "The API of the agents. Any agent answers for all servers and names those that did not answer. \
                     What is not done is answered with a Problem.",
                ))
                .build(),
        )
        .paths(book.paths)
        .components(Some(ComponentsBuilder::new().schemas_from_iter(book.schemas).build()))
        .build()
}

/// The document as far as it is written.
#[derive(Default)]
pub(crate) struct Book {
    paths: PathsBuilder,
    schemas: Vec<Named>,
}

impl Book {
    /// Adds a route.
    pub(crate) fn add<E: Endpoint>(&mut self) {
        let route = E::ROUTE;
        let mut operation = OperationBuilder::new()
            .operation_id(Some(route.name))
            .summary(Some(route.summary.trim()))
            .description(Some(format!("Needs the role {}.", route.role.word())))
            .responses(
                ResponsesBuilder::new()
                    .response(route.success.to_string(), self.answer::<E::Response>("Done as asked."))
                    .response(
                        "default",
                        ResponseBuilder::new()
                            .description("Not done, and why.")
                            .content(Problem::MEDIA_TYPE, content::<Problem>()),
                    ),
            );
        for name in route.parameters() {
            operation = operation.parameter(path_parameter(name));
        }
        for parameter in E::Query::into_params(|| Some(ParameterIn::Query)) {
            operation = operation.parameter(parameter);
        }
        if route.has_body() {
            self.describe::<E::Request>();
            let body = RequestBodyBuilder::new()
                .content("application/json", content::<E::Request>())
                .required(Some(Required::True));
            operation = operation.request_body(Some(body.build()));
        }
        let paths = std::mem::take(&mut self.paths);
        self.paths = paths.path(route.template, PathItem::new(http(route), operation));
    }

    fn answer<T: ToSchema>(&mut self, what: &str) -> ResponseBuilder {
        self.describe::<T>();
        ResponseBuilder::new().description(what).content("application/json", content::<T>())
    }

    /// Adds a type and those it is made of.
    fn describe<T: ToSchema>(&mut self) {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
    }
}

fn content<T: ToSchema>() -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name()))).build()
}

fn http(route: Route) -> HttpMethod {
    match route.method {
        Method::Get => HttpMethod::Get,
        Method::Put => HttpMethod::Put,
        Method::Post => HttpMethod::Post,
        Method::Delete => HttpMethod::Delete,
    }
}

fn path_parameter(name: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}
