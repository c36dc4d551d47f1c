//! Where the API listens, and who comes in by which door.
//!
//! By the Unix socket come those who may open it: root and the owner of the data directory, and other agents of it. By the
//! network, with TLS unless it is loopback, come other agents, who show a certificate of the cluster that names an agent of
//! it, and whoever shows a token. Agents are believed for whom they ask. Whoever shows a certificate that is not of the
//! cluster, or has expired, gets no further than the handshake.

use std::sync::Arc;
use std::time::Duration;

use admin_api::{Caller, Kind, Problem};
use axum::Router;
use axum::http::{HeaderMap, header};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use net::drain::SessionToken;
use net::limits::{Limits, Refusal};
use net::tls::IdentityError;
use net::{Accepted, Binding, Connection, Endpoint, PeerIdentity, Role};
use reception::{Certificates, Host, OpenError, Reception};
use service::Service;
use service::live::Settled;
use settings::{Configuration, DataDirectory};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::tokens::TokenFile;

/// How many may ask at a time.
const CONNECTIONS: u32 = 512;
/// How long a TLS handshake or the head of a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a binding of an agent is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// Commands and agents of this data directory.
    Local,
    /// A port of this machine, without TLS.
    Plain,
    /// A port with TLS.
    Tls,
}

/// Who has come in.
#[derive(Clone, Debug)]
pub(super) enum Visitor {
    /// Whoever may open the socket.
    Local,
    /// The agent of this server.
    Agent(String),
    /// Somebody whose certificate is of the cluster and no agent's, for this reason.
    NoAgent(String),
    /// Anybody: a token says who. They are in this file.
    Stranger(TokenFile),
}

impl Visitor {
    /// For whom the visitor asks.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let passed_on = text(Caller::NAME_HEADER).zip(text(Caller::ROLE_HEADER));
        let passed_on = passed_on.map(|(name, role)| {
            Caller::from_headers(name, role)
                .ok_or_else(|| Problem::new(Kind::BadInput, "it is not understood for whom this is asked"))
        });
        match self {
            Self::Local => passed_on.unwrap_or_else(|| Ok(administrator("local"))),
            Self::Agent(server) => passed_on.unwrap_or_else(|| Ok(administrator(&format!("agent-{server}")))),
            Self::NoAgent(why) => Err(Problem::new(Kind::Forbidden, why.clone())),
            Self::Stranger(file) => {
                let token =
                    text(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
                let token = token.ok_or_else(|| {
                    let why = "show a token (Authorization: Bearer …), or the certificate of an agent";
                    Problem::new(Kind::Unauthenticated, why)
                })?;
                file.caller(token, Timestamp::now())
            }
        }
    }
}

/// Whether a certificate of the cluster is that of one of its agents.
fn visitor(shown: Result<PeerIdentity, IdentityError>, configuration: &Configuration) -> Visitor {
    match shown {
        Err(error) => Visitor::NoAgent(format!("{error}, so it is not that of an agent")),
        Ok(node) if !node.has(Role::Agent) => Visitor::NoAgent(format!(
            "the certificate of {} is not that of an agent: it lacks the role \"{}\", which new ones have",
            node.server,
            Role::Agent
        )),
        Ok(node) if configuration.server(&node.server).is_none() => Visitor::NoAgent(format!(
            "the certificate is that of {}, and there is no [[server]] of that name here",
            node.server
        )),
        Ok(node) => Visitor::Agent(node.server),
    }
}

fn administrator(name: &str) -> Caller {
    Caller { name: name.to_owned(), role: admin_api::Role::Administrator }
}

/// The doors of an agent's API.
pub(crate) struct Doors {
    router: Router,
    service: Arc<Service>,
    certificates: Arc<Certificates>,
    data: DataDirectory,
}

/// Doors that are open.
pub(crate) struct Open {
    receiving: JoinHandle<()>,
    addresses: Vec<serde_json::Value>,
}

/// Opens every door that the settings want.
pub(crate) async fn open(
    router: Router,
    service: Arc<Service>,
    certificates: Arc<Certificates>,
    data: DataDirectory,
) -> Result<Open, OpenError> {
    let doors = Arc::new(Doors { router, service: Arc::clone(&service), certificates, data });
    let reception = Reception::open(doors, service).await?;
    let bound = reception.bound();
    let tell = |bound: &net::listeners::Bound<Purpose>| serde_json::json!({ "protocol": "api", "address": bound.local.to_string() });
    let addresses = bound.iter().map(tell).collect();
    Ok(Open { receiving: tokio::spawn(reception.receive()), addresses })
}

impl Open {
    /// Where the API listens, as `status` tells it.
    pub(crate) fn addresses(&self) -> Vec<serde_json::Value> {
        self.addresses.clone()
    }

    /// Closes all doors.
    pub(crate) async fn close(self) {
        self.receiving.abort();
        // An aborted task ends with an error, and that is how its bindings are known to be closed.
        let _ = self.receiving.await;
    }
}

impl Doors {
    /// Finds out who has come.
    async fn meet(&self, purpose: Purpose, connection: Connection) -> Option<(Connection, Visitor)> {
        let settled = self.service.live.snapshot();
        let tokens = TokenFile::new(settled.server.api.token_file.from_folder(self.data.root()));
        let tls = match purpose {
            Purpose::Local => return Some((connection, Visitor::Local)),
            Purpose::Plain => return Some((connection, Visitor::Stranger(tokens))),
            Purpose::Tls => self.certificates.inner().server(),
        };
        let connection = match connection.accept_tls(&tls, Instant::now() + PATIENCE).await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::info!(%error, "no TLS handshake with somebody who came to the API");
                return None;
            }
        };
        let visitor = match connection.peer_identity().transpose() {
            None => Visitor::Stranger(tokens),
            Some(shown) => visitor(shown, &settled.configuration),
        };
        if let Visitor::NoAgent(why) = &visitor {
            tracing::warn!(why, "somebody who is no agent came to the API with a certificate of the cluster");
        }
        Some((connection, visitor))
    }
}

impl Host for Doors {
    type Kind = Purpose;

    fn bindings(&self, settings: &Settled) -> Vec<Binding<Purpose>> {
        let server = &settings.server;
        let tcp = server.api_addresses().into_iter().map(|address| Binding {
            endpoint: Endpoint::Tcp(address),
            kind: if server.api_has_tls(&address) { Purpose::Tls } else { Purpose::Plain },
        });
        let socket =
            Binding { endpoint: Endpoint::Unix(self.service.folder.api_socket()), kind: Purpose::Local };
        tcp.chain([socket]).collect()
    }

    fn limits(&self, _: Purpose, _: &Settled) -> (usize, Limits) {
        (0, Limits { total: CONNECTIONS, per_address: CONNECTIONS })
    }

    fn takes_proxies(&self, _: Purpose) -> bool {
        false
    }

    fn turn_away(&self, _: Purpose, _: &Refusal) -> Vec<u8> {
        b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec()
    }

    async fn serve(self: Arc<Self>, accepted: Accepted<Purpose>, mut token: SessionToken) {
        let Some((connection, visitor)) = self.meet(accepted.kind, accepted.connection).await else { return };
        let router = self.router.clone();
        let answer = TowerToHyperService::new(tower::service_fn(move |mut request: hyper::Request<_>| {
            request.extensions_mut().insert(visitor.clone());
            router.clone().oneshot(request)
        }));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(connection), answer);
        tokio::select! {
            served = served => if let Err(error) = served {
                tracing::debug!(%error, "a request to the API broke off");
            },
            // What was asked for is done or not, and in the records; waiting for news ends here.
            () = token.refusing() => {}
        }
    }

    fn refresh(&self, settings: &Settled) {
        self.certificates.refresh(&settings.server);
    }
}
