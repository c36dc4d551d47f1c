//! Questions about a service, by HTTP: a load balancer asks whether it is ready, Prometheus how it is.
//!
//! `GET /ready/pop3` is 200 while the service takes clients, and 503 while it drains; `GET /metrics` is the text of its
//! metrics, which are answered while it drains, too. Nothing can be changed here, and nobody is asked who they are.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use net::Connection;
use net::drain::Phase;
use service::{Service, metrics};

/// How many may ask at a time.
pub const CONNECTIONS: u32 = 64;
/// How long one may take to ask.
const PATIENCE: Duration = Duration::from_secs(5);

/// What may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Whether clients are taken.
    Ready,
    /// The metrics.
    Metrics,
}

impl Page {
    /// Where it is.
    fn path(self) -> &'static str {
        match self {
            Self::Ready => "/ready/pop3",
            Self::Metrics => "/metrics",
        }
    }
}

/// Answers the questions of one connection, as far as they are for `pages`.
pub async fn answer(service: &Arc<Service>, connection: Connection, pages: &[Page]) {
    let answer = service_fn(|request| {
        let service = Arc::clone(service);
        async move { Ok::<_, Infallible>(respond(service, &request, pages).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(connection), answer);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a question about this service broke off");
    }
}

async fn respond<B>(service: Arc<Service>, request: &Request<B>, pages: &[Page]) -> Response<Full<Bytes>> {
    match asked(request, pages) {
        Ok(Page::Ready) => readiness(service.sessions.phase()),
        Ok(Page::Metrics) => metrics_of(service).await,
        Err((status, why)) => plain(status, why),
    }
}

/// Which page a request is for; else what it is told.
fn asked<B>(request: &Request<B>, pages: &[Page]) -> Result<Page, (StatusCode, String)> {
    let path = request.uri().path();
    let Some(page) = pages.iter().find(|page| page.path() == path) else {
        let paths: Vec<_> = pages.iter().map(|page| page.path()).collect();
        return Err((StatusCode::NOT_FOUND, format!("there is only {}\n", paths.join(" and "))));
    };
    match *request.method() {
        Method::GET | Method::HEAD => Ok(*page),
        _ => Err((StatusCode::METHOD_NOT_ALLOWED, "GET it\n".to_owned())),
    }
}

fn readiness(phase: Phase) -> Response<Full<Bytes>> {
    match phase {
        Phase::Admitting => plain(StatusCode::OK, "ready\n"),
        Phase::Draining | Phase::Refusing => plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

/// Looks at every session, so it is made where nobody else waits for it.
async fn metrics_of(service: Arc<Service>) -> Response<Full<Bytes>> {
    let Ok(text) = tokio::task::spawn_blocking(move || service.metrics()).await else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be told\n");
    };
    let mut response = plain(StatusCode::OK, text);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
    response
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text.into()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[Page] = &[Page::Ready, Page::Metrics];

    fn asks(method: Method, path: &str, pages: &[Page]) -> Result<Page, u16> {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        asked(&request, pages).map_err(|(status, _)| status.as_u16())
    }

    #[test]
    fn a_service_is_ready_while_it_admits_and_not_while_it_drains() {
        assert_eq!(readiness(Phase::Admitting).status(), 200);
        assert_eq!(readiness(Phase::Draining).status(), 503);
        assert_eq!(readiness(Phase::Refusing).status(), 503);
    }

    #[test]
    fn each_page_has_its_place() {
        assert_eq!(asks(Method::GET, "/ready/pop3", BOTH), Ok(Page::Ready));
        assert_eq!(asks(Method::HEAD, "/ready/pop3", BOTH), Ok(Page::Ready));
        assert_eq!(asks(Method::GET, "/metrics?x=y", BOTH), Ok(Page::Metrics));
    }

    #[test]
    fn other_questions_are_refused() {
        assert_eq!(asks(Method::GET, "/", BOTH), Err(404));
        assert_eq!(asks(Method::GET, "/ready/pop3", &[Page::Metrics]), Err(404));
        assert_eq!(asks(Method::POST, "/ready/pop3", BOTH), Err(405));
    }
}
