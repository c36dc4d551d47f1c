//! The OpenAPI document, made of the table of routes.

use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref,
    RefOr, Required, ResponseBuilder, ResponsesBuilder,
};
use utoipa::{IntoParams, ToSchema};

use crate::caller::Caller;
use crate::problem::{Kind, Problem};
use crate::routes::{self, Endpoint, Method, Route};

/// A type, by its name in the document.
type Named = (String, RefOr<Schema>);

/// The ways to be let in, by their names in the document. A caller needs one of them.
const BEARER: &str = "bearer";
const MUTUAL_TLS: &str = "mutual-tls";

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
                     What is not done is answered with a Problem.\n\n\
                     There are two doors. Through the local Unix socket of an agent come administrators of its machine: \
                     whoever may open the socket shows nothing more. Over the network, with TLS beyond the machine, \
                     callers show a token, and agents their certificate of the cluster. A role may do what those before \
                     it may: viewer, operator, administrator; `x-role` is the least that a route needs.",
                ))
                .build(),
        )
        .paths(book.paths)
        .components(Some(
            ComponentsBuilder::new()
                .schemas_from_iter(book.schemas)
                .security_scheme(BEARER, bearer())
                .security_scheme(MUTUAL_TLS, mutual_tls())
                .build(),
        ))
        // One of them; the empty one stands for the local socket.
        .security(Some([
            SecurityRequirement::new(BEARER, NO_SCOPES),
            SecurityRequirement::new(MUTUAL_TLS, NO_SCOPES),
            SecurityRequirement::default(),
        ]))
        .build()
}

/// Roles are no scopes: those are for protocols that ask for some.
const NO_SCOPES: [&str; 0] = [];

fn bearer() -> SecurityScheme {
    let text = "A token of `mailmedic token add`, which has a name and a role (RFC 6750).";
    SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(text)).build())
}

fn mutual_tls() -> SecurityScheme {
    let text = format!(
        "The certificate of another agent of the cluster. Agents are believed for whom they ask: `{}` has the name of the \
         caller, percent-encoded, and `{}` the role.",
        Caller::NAME_HEADER,
        Caller::ROLE_HEADER
    );
    SecurityScheme::MutualTls { description: Some(text), deprecated: None, extensions: None }
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
            .extensions(Some(ExtensionsBuilder::new().add("x-role", route.role.word()).build()))
            .responses(
                ResponsesBuilder::new()
                    .response(route.success.to_string(), self.answer::<E::Response>("Done as asked."))
                    .response(Kind::Unauthenticated.status().to_string(), refused(Kind::Unauthenticated))
                    .response(Kind::Forbidden.status().to_string(), refused(Kind::Forbidden))
                    .response("default", problem("Not done, and why.")),
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

fn refused(kind: Kind) -> ResponseBuilder {
    problem(&format!("{}.", kind.title()))
}

fn problem(what: &str) -> ResponseBuilder {
    ResponseBuilder::new().description(what).content(Problem::MEDIA_TYPE, content::<Problem>())
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
