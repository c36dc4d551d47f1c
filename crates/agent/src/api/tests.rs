//! The API over a coordinator in memory.

mod health;
mod over_tls;

use std::time::SystemTime;

use admin_api::rows::{CopyRow, MoveRow};
use admin_api::{Listing, Role};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use cluster::Placed;
use coordinator::Prefix;
use coordinator::testing::MemoryCoordinator;
use net::authority::Subject;
use net::tls::NodeFiles;
use net::{Authority, ClientTls, InnerTls};
use placement::record::Presence;
use placement::{Limits, RecordKey, Topology};
use serde::de::DeserializeOwned;
use service::live::LiveFiles;
use settings::{Configuration, LoopbackPorts, Value as _};
use tempfile::TempDir;
use tower::ServiceExt;

use super::door::Visitor;
use reception::Certificates;

use super::*;
use crate::clock::unix_millis;
use crate::recovering::Ledger;
use crate::tokens::TokenFile;
use crate::watching::{Attempts, Judgements, Means};

struct Scene {
    router: Router,
    coordinator: Arc<MemoryCoordinator>,
    _folder: TempDir,
}

/// The data centre of `mailmedic up`, whose agents are all there, as cas1's API has it.
async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    std::fs::write(data.configuration(), configuration.to_toml()).unwrap();
    let server = ServerName::parse("cas1").unwrap();
    std::fs::create_dir_all(data.server("cas1").root()).unwrap();
    let files = LiveFiles {
        configuration: data.configuration(),
        set: data.server("cas1").pop_settings(),
        server: server.clone(),
    };
    let live = Live::open(files).unwrap();
    let mut world = World::new(Topology::from(&configuration), 1, Limits::default());
    for server in &configuration.servers {
        let presence = Presence { boot_id: "b1".into(), api: None, since: unix_millis() };
        let key = RecordKey::Agent(server.name.clone()).to_string();
        world.records.put(&key, 1, &serde_json::to_vec(&presence).unwrap()).unwrap();
    }
    let (_, world) = watch::channel(Arc::new(world));
    let coordinator = Arc::new(MemoryCoordinator::new());
    let settled = live.snapshot();
    let neighbours = Arc::new(Neighbours {
        server: server.clone(),
        data: data.clone(),
        world: world.clone(),
        tls: others(&data),
    });
    let shared = Arc::clone(&coordinator) as Arc<dyn Coordinator>;
    let watch = watch_nothing((&data, &server, &live), &world, &shared, &neighbours).await;
    let api = Api {
        controls: Arc::new(Controls::new(&data, &configuration.servers, &server, &settled.server)),
        audit: Audit::open(&data.server("cas1").audit_log(), "cas1").unwrap(),
        coordinator: shared,
        user_moves: UserMoves::default(),
        neighbours,
        watch,
        recovered: recovered(&folder.path().join("recovery.journal")),
        metrics: Arc::new(|| "mailmedic_traffic 1\n".to_owned()),
        world,
        live,
        data,
        server,
    };
    Scene { router: router(Arc::new(api)), coordinator, _folder: folder }
}

/// An empty journal, and nothing that is refused.
fn recovered(path: &std::path::Path) -> Recovered {
    let (_, refused) = watch::channel(Arc::default());
    Recovered { ledger: Some(Arc::new(Ledger::open(path).unwrap())), refused }
}

/// A watch that looks at nothing by itself.
async fn watch_nothing(
    (data, server, live): (&DataDirectory, &ServerName, &Arc<Live>),
    world: &watch::Receiver<Arc<World>>,
    coordinator: &Arc<dyn Coordinator>,
    neighbours: &Arc<Neighbours>,
) -> Watch {
    let now = SystemTime::now();
    let clients = Authority::load_or_create(&data.client_authority(), "clients", now).unwrap();
    let subject = Subject::Service { names: vec![server.to_string()], addresses: Vec::new() };
    clients.ensure(server.as_str(), &subject, now).unwrap();
    let certificates = Certificates::load(data, server.as_str(), &live.snapshot().server).unwrap();
    let placed = Placed {
        records: world.borrow().records.clone(),
        epoch: 1,
        revision: coordinator::Revision(1),
        standing: coordinator::Standing::Live,
    };
    let attempts = Attempts::new(Means {
        server: server.clone(),
        data: data.clone(),
        live: Arc::clone(live),
        world: world.clone(),
        placed: watch::channel(Arc::new(placed)).1,
        coordinator: Arc::clone(coordinator),
        certificates: Arc::new(certificates),
        neighbours: Arc::clone(neighbours),
    });
    let attempts = Arc::new(attempts.await.unwrap());
    let world = world.borrow().clone();
    let watched = ::health::watch_list(server, &world, &attempts.surroundings());
    let told = Arc::new(Judgements { verdicts: Vec::new(), watched });
    Watch { attempts, told: watch::channel(told).1, results: None }
}

/// How this agent would reach others.
fn others(data: &DataDirectory) -> ClientTls {
    let authority =
        Authority::load_or_create(&data.cluster_authority(), "cluster", SystemTime::now()).unwrap();
    let node = Subject::Node { server: "cas1".into(), roles: [net::Role::Agent].into(), names: Vec::new() };
    authority.ensure("cas1", &node, SystemTime::now()).unwrap();
    let files = NodeFiles { node: authority.files("cas1"), authority: authority.certificate_file() };
    InnerTls::load(files).unwrap().client()
}

/// Asks as somebody who came in by the socket.
async fn ask(
    router: Router,
    caller: Caller,
    method: &str,
    target: &str,
    body: &'static str,
) -> (u16, Vec<u8>) {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in caller.headers() {
        request = request.header(name, value);
    }
    let mut request = request.body(Body::from(body)).unwrap();
    request.extensions_mut().insert(Visitor::Local);
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    (status, to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec())
}

impl Scene {
    /// Asks as somebody of this role who came in by the socket.
    async fn ask(&self, role: Role, method: &str, target: &str, body: &'static str) -> (u16, Vec<u8>) {
        let caller = Caller { name: "ann".into(), role };
        ask(self.router.clone(), caller, method, target, body).await
    }

    async fn problem(&self, role: Role, method: &str, target: &str, body: &'static str) -> (u16, Problem) {
        let (status, body) = self.ask(role, method, target, body).await;
        (status, read(&body))
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> T {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(body)))
}

#[tokio::test]
async fn every_route_has_a_handler() {
    let scene = scene().await;
    for route in routes::ALL {
        let target = route.template.replace(['{', '}'], "");
        let (status, body) = scene.ask(Role::Administrator, route.method.word(), &target, "").await;
        let text = String::from_utf8_lossy(&body);
        assert!(
            !text.contains("nobody answers") && !text.contains("there is no /v1"),
            "{target}: {status} {text}"
        );
    }
}

#[tokio::test]
async fn metrics_are_told_to_whoever_is_let_in() {
    let scene = scene().await;
    let (status, body) = scene.ask(Role::Viewer, "GET", "/metrics", "").await;
    assert_eq!((status, body.as_slice()), (200, &b"mailmedic_traffic 1\n"[..]));
    let request = Request::builder().uri("/metrics").body(Body::empty()).unwrap();
    let answer = scene.router.clone().oneshot(request).await.unwrap();
    assert_ne!(answer.status().as_u16(), 200, "it came by no door");
}

#[tokio::test]
async fn copies_are_told_by_any_agent() {
    let (status, body) = scene().await.ask(Role::Viewer, "GET", "/v1/copies?database=db01", "").await;
    let listing: Listing<CopyRow> = read(&body);
    assert_eq!(status, 200);
    let servers: Vec<_> = listing.rows.iter().map(|row| row.server.as_str()).collect();
    assert_eq!(servers, ["mbx1", "mbx2"]);
}

#[tokio::test]
async fn a_move_is_a_record_that_outlives_who_asked() {
    let scene = scene().await;
    let body = r#"{"to": "mbx2", "reason": "new disk"}"#;
    let (status, answer) = scene.ask(Role::Operator, "POST", "/v1/databases/DB01/move", body).await;
    let row: MoveRow = read(&answer);
    assert_eq!((status, row.to.as_deref(), row.by.as_str()), (202, Some("mbx2"), "ann"));
    let kept = scene.coordinator.read(&Prefix::new("moves/").unwrap()).await.unwrap();
    let record: placement::record::Move = read(&kept.entries[0].value);
    assert_eq!((record.id.as_str(), record.reason.as_str()), (row.id.as_str(), "new disk"));
}

#[tokio::test]
async fn whoever_may_only_look_changes_nothing() {
    let scene = scene().await;
    let (status, problem) = scene.problem(Role::Viewer, "POST", "/v1/databases/DB01/move", "{}").await;
    assert_eq!((status, problem.kind), (403, Kind::Forbidden));
    assert!(scene.coordinator.read(&Prefix::everything()).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn typing_errors_are_told_with_the_nearest_word() {
    let scene = scene().await;
    let administrator = Role::Administrator;
    let asked = scene.problem(administrator, "POST", "/v1/databases/DB1/move", "{}").await;
    assert_eq!((asked.0, asked.1.nearest.as_deref()), (404, Some("DB01")));
    let asked = scene.problem(administrator, "POST", "/v1/servers/mbx3/drain", "{}").await;
    assert_eq!((asked.0, asked.1.nearest.as_deref()), (404, Some("mbx1")));
    let asked = scene.problem(administrator, "GET", "/v1/copie", "").await;
    assert_eq!((asked.0, asked.1.nearest.as_deref()), (404, Some("/v1/copies")));
    let asked = scene.problem(administrator, "POST", "/v1/databases/DB01/move", r#"{"two": "mbx2"}"#).await;
    assert_eq!((asked.0, asked.1.kind), (400, Kind::BadInput));
}

#[tokio::test]
async fn without_the_coordinator_nothing_is_promised() {
    let scene = scene().await;
    scene.coordinator.set_available(false);
    let asked = scene.problem(Role::Operator, "POST", "/v1/databases/DB01/move", r#"{"to": "mbx2"}"#).await;
    assert_eq!((asked.0, asked.1.kind), (503, Kind::Unavailable));
    assert!(asked.1.detail.contains("mail goes on"), "{}", asked.1.detail);
}

#[tokio::test]
async fn who_comes_in_by_the_network_must_show_a_token() {
    let scene = scene().await;
    let mut request = Request::builder().uri("/v1/copies").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Visitor::Stranger(TokenFile::new("/nonexistent/tokens")));
    let answer = scene.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);
    // Nobody but an agent is believed for whom they ask.
    let mut request = Request::builder().uri("/v1/copies").header(Caller::NAME_HEADER, "ann");
    request = request.header(Caller::ROLE_HEADER, "administrator");
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Visitor::Stranger(TokenFile::new("/nonexistent/tokens")));
    assert_eq!(scene.router.clone().oneshot(request).await.unwrap().status().as_u16(), 401);
}
