//! An agent that answers from a script.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};

use admin_api::routes::ShowVersion;
use admin_api::rows::Version;
use admin_api::{Endpoint, Problem, routes};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixListener;
use tokio::runtime::{Builder, Runtime};

/// What is answered, by the name of the route: each answer once, and the last for ever.
#[derive(Default)]
pub(crate) struct Script(BTreeMap<&'static str, Vec<(u16, String)>>);

impl Script {
    /// The next answer to requests of a route.
    pub(crate) fn answers<E: Endpoint>(self, answer: &E::Response) -> Self {
        self.then::<E>(E::ROUTE.success, serde_json::to_string(answer).unwrap())
    }

    /// The same, if it is not done.
    pub(crate) fn refuses<E: Endpoint>(self, problem: &Problem) -> Self {
        self.then::<E>(problem.kind.status(), problem.to_json())
    }

    fn then<E: Endpoint>(mut self, status: u16, body: String) -> Self {
        self.0.entry(E::ROUTE.name).or_default().push((status, body));
        self
    }

    fn next(&mut self, route: &str) -> (u16, String) {
        let answers = self.0.get_mut(route).unwrap_or_else(|| panic!("the script has no answer to {route}"));
        if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
    }
}

/// An agent, as long as it is kept.
pub(crate) struct Agent {
    asked: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Agent {
    /// An agent that answers on a socket.
    pub(crate) fn start(socket: &Path, script: Script) -> Self {
        let (runtime, listener) = listen(socket);
        let asked = Arc::default();
        let (script, kept) = (Arc::new(Mutex::new(script)), Arc::clone(&asked));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, kept) = (Arc::clone(&script), Arc::clone(&kept));
                let answers =
                    service_fn(move |request| answer(request, Arc::clone(&script), Arc::clone(&kept)));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answers);
                // A command that has gone needs no answer.
                tokio::spawn(async move { connection.await.ok() });
            }
        });
        Self { asked, _runtime: runtime }
    }

    /// An agent that accepts, and says nothing.
    pub(crate) fn hanging(socket: &Path) -> Self {
        let (runtime, listener) = listen(socket);
        runtime.spawn(async move {
            let mut open = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.push(stream);
            }
        });
        Self { asked: Arc::default(), _runtime: runtime }
    }

    /// What was asked, but for whether it is there.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn listen(socket: &Path) -> (Runtime, UnixListener) {
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let listener = UnixListener::bind(socket).unwrap();
    (runtime, listener)
}

async fn answer(
    request: Request<Incoming>,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let (status, text) = match routes::find(head.method.as_str(), head.uri.path()) {
        Ok((route, _)) if route == ShowVersion::ROUTE => {
            let version = Version { server: "mbx1".into(), version: "0.1.0".into() };
            (200, serde_json::to_string(&version).unwrap())
        }
        Ok((route, _)) => {
            asked.lock().unwrap().push(line(&head.method, &head.uri, &body));
            script.lock().unwrap().next(route.name)
        }
        Err(problem) => (problem.kind.status(), problem.to_json()),
    };
    Ok(Response::builder().status(status).body(Full::new(text.into())).unwrap())
}

/// A request in a line, without what is another each time.
fn line(method: &hyper::Method, uri: &hyper::Uri, body: &[u8]) -> String {
    let mut line = format!("{method} {uri}");
    if !body.is_empty() {
        let mut body: Value = serde_json::from_slice(body).unwrap();
        if let Some(id) = body.get_mut("id") {
            *id = "…".into();
        }
        line = format!("{line} {body}");
    }
    line
}
