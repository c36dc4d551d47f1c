//! From a request to a handler's arguments, and from its answer to a response: for every route alike.

use std::sync::Arc;

use admin_api::{Caller, Endpoint, Kind, Method, Problem, routes};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};

use super::Api;
use super::door::Visitor;

/// How long the body of a request may be: a few words.
const LONGEST_REQUEST: usize = 64 << 10;

/// A request that was understood, of a caller who may ask it.
pub(crate) struct Asked<E: Endpoint> {
    /// What stands in the path, by name.
    path: Vec<(&'static str, String)>,
    /// What was asked behind the question mark.
    pub(crate) query: E::Query,
    /// What was asked for.
    pub(crate) request: E::Request,
    /// By whom.
    pub(crate) caller: Caller,
}

impl<E: Endpoint> Asked<E> {
    /// What stands in the path for `parameter`, which the route has.
    pub(crate) fn path(&self, parameter: &str) -> &str {
        let found = self.path.iter().find(|(name, _)| *name == parameter);
        found.map_or("", |(_, value)| value.as_str())
    }
}

/// The routes that have handlers.
pub(super) struct Routes(Router<Arc<Api>>);

impl Routes {
    pub(super) fn new() -> Self {
        Self(Router::new())
    }

    /// Has a route answered by `handle`.
    pub(super) fn answer<E, F, Fut>(self, handle: F) -> Self
    where
        E: Endpoint + 'static,
        E::Query: Send,
        E::Request: Send,
        F: Fn(Arc<Api>, Asked<E>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<E::Response, Problem>> + Send,
    {
        let method = match E::ROUTE.method {
            Method::Get => MethodFilter::GET,
            Method::Put => MethodFilter::PUT,
            Method::Post => MethodFilter::POST,
            Method::Delete => MethodFilter::DELETE,
        };
        let answer = move |State(api): State<Arc<Api>>, request: Request| {
            let handle = handle.clone();
            async move {
                let answered = async {
                    let asked = understand::<E>(request).await?;
                    handle(api, asked).await
                };
                answered.await.map_or_else(
                    |problem| refuse(&problem),
                    |answer| {
                        let status = StatusCode::from_u16(E::ROUTE.success).unwrap_or(StatusCode::OK);
                        (status, axum::Json(answer)).into_response()
                    },
                )
            }
        };
        Self(self.0.route(E::ROUTE.template, on(method, answer)))
    }

    /// Has a page that is no part of the contract told by `tell`, to whoever is let in.
    pub(super) fn page<F, Fut>(self, path: &'static str, content_type: &'static str, tell: F) -> Self
    where
        F: Fn(Arc<Api>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<String, Problem>> + Send,
    {
        let answer = move |State(api): State<Arc<Api>>, head: Parts| {
            let tell = tell.clone();
            async move {
                let told = match caller(&head) {
                    Ok(_) => tell(api).await,
                    Err(problem) => Err(problem),
                };
                told.map_or_else(
                    |problem| refuse(&problem),
                    |text| ([(header::CONTENT_TYPE, content_type)], text).into_response(),
                )
            }
        };
        Self(self.0.route(path, on(MethodFilter::GET, answer)))
    }

    pub(super) fn into_router(self, api: Arc<Api>) -> Router {
        self.0.method_not_allowed_fallback(unknown).fallback(unknown).with_state(api)
    }
}

/// Who asks, by the door and what is shown there.
fn caller(head: &Parts) -> Result<Caller, Problem> {
    let visitor = head.extensions.get::<Visitor>();
    let visitor = visitor.ok_or_else(|| Problem::new(Kind::Internal, "the request came by no door"))?;
    visitor.caller(&head.headers)
}

async fn understand<E: Endpoint>(request: Request) -> Result<Asked<E>, Problem> {
    let (head, body) = request.into_parts();
    let caller = caller(&head)?;
    caller.may_use(&E::ROUTE)?;
    let body = to_bytes(body, LONGEST_REQUEST)
        .await
        .map_err(|error| Problem::new(Kind::BadInput, format!("the request cannot be read: {error}")))?;
    Ok(Asked {
        path: E::ROUTE.matched(head.uri.path()).unwrap_or_default(),
        query: routes::query::<E>(head.uri.query().unwrap_or_default())?,
        request: routes::request::<E>(&body)?,
        caller,
    })
}

/// Nothing of that name; which one was meant if that can be guessed.
async fn unknown(request: Request) -> Response {
    match routes::find(request.method().as_str(), request.uri().path()) {
        Err(problem) => refuse(&problem),
        Ok((route, _)) => refuse(&Problem::new(Kind::Internal, format!("nobody answers {}", route.template))),
    }
}

fn refuse(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, Problem::MEDIA_TYPE)], problem.to_json()).into_response()
}
