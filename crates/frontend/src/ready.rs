//! What load balancers are told: `GET /ready/pop3` is 200 while this front end takes clients, and 503 while it drains.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use net::Connection;
use net::drain::Phase;
use service::Service;

/// How many may ask at a time.
pub(crate) const CONNECTIONS: u32 = 64;
/// How long one may take to ask.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers the questions of one connection.
pub(crate) async fn serve(service: &Arc<Service>, connection: Connection) {
    let answer = service_fn(|request| {
        let answer = answer(service.sessions.phase(), &request);
        async { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(connection), answer);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a question of a load balancer broke off");
    }
}

fn answer<B>(phase: Phase, request: &Request<B>) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path(), phase) {
        (&Method::GET | &Method::HEAD, "/ready/pop3", Phase::Admitting) => (StatusCode::OK, "ready\n"),
        (&Method::GET | &Method::HEAD, "/ready/pop3", Phase::Draining | Phase::Refusing) => {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        }
        (_, "/ready/pop3", _) => (StatusCode::METHOD_NOT_ALLOWED, "GET it\n"),
        _ => (StatusCode::NOT_FOUND, "there is only /ready/pop3\n"),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: Method, path: &str, phase: Phase) -> u16 {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        answer(phase, &request).status().as_u16()
    }

    #[test]
    fn a_front_end_is_ready_while_it_admits_and_not_while_it_drains() {
        assert_eq!(status(Method::GET, "/ready/pop3", Phase::Admitting), 200);
        assert_eq!(status(Method::GET, "/ready/pop3", Phase::Draining), 503);
        assert_eq!(status(Method::HEAD, "/ready/pop3", Phase::Refusing), 503);
    }

    #[test]
    fn other_questions_are_refused() {
        assert_eq!(status(Method::GET, "/", Phase::Admitting), 404);
        assert_eq!(status(Method::POST, "/ready/pop3", Phase::Admitting), 405);
    }
}
