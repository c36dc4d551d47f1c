//! The table of routes: for each its method, path, least role, what is asked and what is answered.
//!
//! Each route is a type that holds what stands in its path, so that a path can be built only completely.

mod table;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use settings::nearest;
pub use table::*;
use utoipa::{IntoParams, ToSchema};

use crate::caller::Role;
use crate::problem::{Kind, Problem};

/// What is done to what a path names (RFC 9110 §9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Looks; changes nothing.
    Get,
    /// Sets; twice is as good as once.
    Put,
    /// Does; twice may do it twice.
    Post,
    /// Takes away; twice is as good as once.
    Delete,
}

impl Method {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// What stands in a path, by the names of the parameters.
pub type Values = Vec<(&'static str, String)>;

/// A route, as everybody must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The name of its type, which is its operation in the OpenAPI document.
    pub name: &'static str,
    /// What is done.
    pub method: Method,
    /// The path, with each parameter in braces: `/v1/servers/{server}`. Routers of axum read it as it is.
    pub template: &'static str,
    /// The least role that may use it.
    pub role: Role,
    /// The HTTP status of success: 202 if it goes on after the answer.
    pub success: u16,
    /// What it does, in a sentence.
    pub summary: &'static str,
}

impl Route {
    /// The names of the parameters in the path, in order.
    pub fn parameters(self) -> impl Iterator<Item = &'static str> {
        self.template.split('/').filter_map(parameter)
    }

    /// Whether requests carry a body.
    pub fn has_body(self) -> bool {
        matches!(self.method, Method::Put | Method::Post)
    }

    /// What stands in `path` for each parameter, if it is a path of this route.
    pub fn matched(self, path: &str) -> Option<Values> {
        let (mut wanted, mut given) = (self.template.split('/'), path.split('/'));
        let mut values = Vec::new();
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return Some(values),
                (Some(segment), Some(text)) => match parameter(segment) {
                    Some(_) if text.is_empty() => return None,
                    Some(name) => {
                        values.push((name, percent_decode_str(text).decode_utf8().ok()?.into_owned()));
                    }
                    None if segment == text => {}
                    None => return None,
                },
                _ => return None,
            }
        }
    }
}

fn parameter(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// A route as a type: its fields are what stands in the path.
pub trait Endpoint {
    /// The route.
    const ROUTE: Route;
    /// What may be asked behind the question mark.
    type Query: Serialize + DeserializeOwned + IntoParams;
    /// The body of the request; [`Nothing`](crate::Nothing) if there is nothing to say.
    type Request: Serialize + DeserializeOwned + ToSchema;
    /// The body of the answer if it is a success.
    type Response: Serialize + DeserializeOwned + ToSchema;

    /// What stands in the path for each parameter, in order.
    fn values(&self) -> Vec<&str>;

    /// The path and the query of a request (RFC 3986).
    fn target(&self, query: &Self::Query) -> String {
        let mut target = String::new();
        let mut values = self.values().into_iter();
        for segment in Self::ROUTE.template.split('/').skip(1) {
            target.push('/');
            match parameter(segment).and_then(|_| values.next()) {
                Some(value) => target.extend(utf8_percent_encode(value, RESERVED)),
                None => target.push_str(segment),
            }
        }
        // Queries are flat structs of words and numbers, which are what a query string can hold; there is a test.
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        if !query.is_empty() {
            target.push('?');
            target.push_str(&query);
        }
        target
    }
}

/// What a path segment may hold as it is (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The query of a request, read; what is not understood is the caller's problem.
pub fn query<E: Endpoint>(text: &str) -> Result<E::Query, Problem> {
    serde_urlencoded::from_str(text).map_err(|error| {
        Problem::new(Kind::BadInput, format!("the query {text:?} is not understood: {error}"))
    })
}

/// The body of a request, read; none at all is an empty object.
pub fn request<E: Endpoint>(body: &[u8]) -> Result<E::Request, Problem> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(Kind::BadInput, format!("the request is not understood: {error}")))
}

/// The route of a request with what stands in its path; if there is none, what to tell the caller.
pub fn find(method: &str, path: &str) -> Result<(Route, Values), Problem> {
    let mut others = Vec::new();
    for route in ALL {
        if let Some(values) = route.matched(path) {
            if route.method.word() == method {
                return Ok((*route, values));
            }
            others.push(route.method.word());
        }
    }
    if !others.is_empty() {
        let detail = format!("{path} knows {} and not {method}", others.join(", "));
        return Err(Problem::new(Kind::BadInput, detail));
    }
    let near = nearest(path, ALL.iter().map(|route| route.template)).map(str::to_owned);
    let detail = format!("there is no {path}; {} describes what there is", OpenApi::ROUTE.template);
    Err(Problem { nearest: near, ..Problem::new(Kind::Unknown, detail) })
}
