//! The client against agents of every temper: those that answer, refuse, hang, break off, and those that are not there.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use admin_api::routes::{MoveDatabase, ShowVersion};
use admin_api::rows::{MoveRequest, Version};
use admin_api::{Caller, Kind, Nothing, Problem, Role};
use api_client::blocking::Agents;
use api_client::{BadDoor, BearerToken, Client, ClientError, Door, TlsIdentity, doors_of};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use settings::DataDirectory;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Shorter than what hangs does.
const SHORT: Duration = Duration::from_millis(200);

const VERSION: &str = r#"{"server":"mbx1","version":"0.1.0"}"#;

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Reads a request and answers it, in octets; what was asked is told.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &str) -> String {
    let mut asked = Vec::new();
    let mut octets = [0; 4096];
    while !is_whole(&asked) {
        match stream.read(&mut octets).await {
            Ok(read) if read > 0 => asked.extend_from_slice(&octets[..read]),
            _ => break,
        }
    }
    // A client that has gone needs no answer.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    String::from_utf8(asked).unwrap()
}

fn is_whole(asked: &[u8]) -> bool {
    let text = String::from_utf8_lossy(asked).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// An agent on a Unix socket that gives every request the same answer.
fn agent(folder: &Path, name: &str, text: String) -> (PathBuf, mpsc::UnboundedReceiver<String>) {
    let path = folder.join(name);
    let listener = UnixListener::bind(&path).unwrap();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Nobody may want to know what was asked.
            let _ = tell.send(answer(stream, &text).await);
        }
    });
    (path, told)
}

/// An agent that accepts, and says nothing.
fn hanging(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    path
}

fn version() -> Version {
    serde_json::from_str(VERSION).unwrap()
}

async fn ask(client: &Client) -> Result<Version, ClientError> {
    client.get(&ShowVersion {}, &Nothing {}).await
}

fn move_database() -> MoveDatabase {
    MoveDatabase { database: "DB 01".into() }
}

#[tokio::test]
async fn a_request_holds_what_the_contract_says() {
    let folder = tempfile::tempdir().unwrap();
    let problem = Problem::new(Kind::Refused, "no copy of DB 01 is fit");
    let body = problem.to_json();
    let text = format!("HTTP/1.1 422 Unprocessable\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (path, mut told) = agent(folder.path(), "api.sock", text);
    let caller = Caller { name: "anna".into(), role: Role::Operator };
    let client = Client::new(Door::Socket(path)).in_the_name_of(caller);
    let request = MoveRequest { to: Some("mbx2".into()), ..MoveRequest::default() };
    let error = client.send(&move_database(), &request).await.unwrap_err();
    assert!(matches!(error, ClientError::Problem(told) if told == problem));
    let asked = told.recv().await.unwrap();
    assert!(asked.starts_with("POST /v1/databases/DB%2001/move HTTP/1.1\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\n{\"to\":\"mbx2\",\"force\":false}"), "{asked}");
    assert!(asked.contains("x-mailmedic-caller: anna\r\n"), "{asked}");
    assert!(asked.contains("x-mailmedic-role: operator\r\n"), "{asked}");
}

#[tokio::test]
async fn an_answer_comes_through_a_socket_whose_path_is_too_long_for_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    // Bound where it is short, then put where it is not.
    let (path, _told) = agent(folder.path(), "api.sock", ok(VERSION));
    let long = deep.join("api.sock");
    std::fs::rename(path, &long).unwrap();
    assert_eq!(ask(&Client::new(Door::Socket(long))).await.unwrap(), version());
}

#[tokio::test]
async fn nobody_there_is_told_and_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let error = ask(&Client::new(Door::Socket(path.clone()))).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.another_may_answer());
    assert_eq!(
        error.to_string(),
        format!("no agent answers on {}: No such file or directory (os error 2)", path.display())
    );
}

#[tokio::test]
async fn an_agent_that_hangs_is_given_up_and_what_it_did_is_not_known() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(Door::Socket(hanging(folder.path(), "api.sock"))).with_limit(SHORT);
    let looked = ask(&client).await.unwrap_err();
    assert_eq!(looked.kind(), Kind::Unavailable);
    assert!(looked.to_string().ends_with("did not answer within 0.2 s"), "{looked}");
    let done = client.send(&move_database(), &MoveRequest::default()).await.unwrap_err();
    assert_eq!(done.kind(), Kind::OutcomeUnknown);
    assert!(!done.another_may_answer());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned();
    let (path, _told) = agent(folder.path(), "api.sock", half);
    let error = ask(&Client::new(Door::Socket(path))).await.unwrap_err();
    assert!(matches!(error, ClientError::NoAnswer { may_be_done: false, .. }), "{error}");
}

#[tokio::test]
async fn an_answer_of_something_else_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _told) = agent(folder.path(), "a", ok("<html>"));
    let error = ask(&Client::new(Door::Socket(path))).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert!(error.to_string().contains("is not understood"), "{error}");
    let proxy = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_owned();
    let (path, _told) = agent(folder.path(), "b", proxy);
    let error = ask(&Client::new(Door::Socket(path))).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(error.to_string(), "GET /v1/version was answered with HTTP status 503 Service Unavailable");
}

#[tokio::test]
async fn one_agent_that_answers_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _told) = agent(folder.path(), "c", ok(VERSION));
    let doors = [
        Door::Socket(folder.path().join("nobody")),
        Door::Socket(hanging(folder.path(), "b")),
        Door::Socket(path.clone()),
    ];
    let client = Client::first_of(&doors, PATIENCE).await.unwrap();
    assert_eq!(client.door().to_string(), path.display().to_string());
    assert!(Client::first_of(&[], PATIENCE).await.is_err());
}

#[tokio::test]
async fn a_token_is_shown_to_an_agent_on_loopback_and_to_nobody_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move { answer(listener.accept().await.unwrap().0, &ok(VERSION)).await });
    let token = BearerToken::new("hunter2\n");
    let door = Door::Loopback { address, token: Some(token) };
    assert!(!format!("{door:?} {:?}", BearerToken::new("hunter2")).contains("hunter2"));
    assert_eq!(ask(&Client::new(door)).await.unwrap(), version());
    let asked = served.await.unwrap();
    assert!(asked.contains("authorization: Bearer hunter2\r\n"), "{asked}");
}

/// An authority and a certificate for 127.0.0.1, in files as an operator has them.
fn certificates(folder: &Path) -> (PathBuf, Arc<rustls::ServerConfig>) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let file = folder.join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
    (file, Arc::new(config))
}

/// An agent with TLS that answers one request.
async fn with_tls(config: Arc<rustls::ServerConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        if let Ok(tls) = tokio_rustls::TlsAcceptor::from(config).accept(tcp).await {
            answer(tls, &ok(VERSION)).await;
        }
    });
    address
}

fn door(address: SocketAddr, authority: PathBuf) -> Door {
    let identity = TlsIdentity { authority, own: None };
    Door::parse::<Box<dyn std::error::Error>>(&format!("https://{address}"), None, || Ok(identity.config()?))
        .unwrap()
}

#[tokio::test]
async fn an_agent_with_a_certificate_of_our_authority_is_trusted_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, config) = certificates(folder.path());
    let address = with_tls(Arc::clone(&config)).await;
    assert_eq!(ask(&Client::new(door(address, authority))).await.unwrap(), version());
    let elsewhere = tempfile::tempdir().unwrap();
    let (stranger, _) = certificates(elsewhere.path());
    let error = ask(&Client::new(door(with_tls(config).await, stranger))).await.unwrap_err();
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
}

#[test]
fn an_address_that_no_agent_can_have_is_told_with_what_to_write() {
    let refused = |text: &str| {
        Door::parse::<BadDoor>(text, None, || unreachable!("no address here has TLS"))
            .unwrap_err()
            .to_string()
    };
    for (text, why) in [
        ("mbx1", "it does not say how"),
        ("unix:api.sock", "the path must begin with a slash"),
        ("http://mbx1:1880", "an address and a port must follow http://"),
        ("http://192.0.2.1:1880", "only an address of this machine may be used without TLS"),
        ("https://mbx1", "the port is missing"),
        ("https://mbx1:x", "the port is not a number up to 65535"),
        ("https://m bx1:1", "there is no host that can be called so"),
    ] {
        let told = refused(text);
        assert!(
            told.starts_with(&format!("{text:?} is no address of an agent: {why}; write unix:")),
            "{told}"
        );
    }
}

#[test]
fn the_agents_of_an_installation_are_found_by_their_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    assert!(doors_of(&data).unwrap().is_empty());
    for server in ["mbx1", "cas1", "off"] {
        std::fs::create_dir_all(data.server(server).root().join("run")).unwrap();
    }
    for server in ["mbx1", "cas1"] {
        std::fs::write(data.server(server).api_socket(), "").unwrap();
    }
    let found: Vec<String> = doors_of(&data).unwrap().iter().map(ToString::to_string).collect();
    let wanted = ["cas1", "mbx1"].map(|server| data.server(server).api_socket().display().to_string());
    assert_eq!(found, wanted);
}

#[test]
fn commands_go_on_with_another_agent_when_theirs_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let entered = runtime.enter();
    let (first, _told) = agent(folder.path(), "a", ok(r#"{"server":"first","version":"1"}"#));
    let second = folder.path().join("b");
    let agents = Agents::find(vec![Door::Socket(first.clone()), Door::Socket(second.clone())]).unwrap();
    assert_eq!(agents.get(&ShowVersion {}, &Nothing {}).unwrap().server, "first");
    std::fs::remove_file(first).unwrap();
    let (_, _told) = agent(folder.path(), "b", ok(r#"{"server":"second","version":"1"}"#));
    assert_eq!(agents.get(&ShowVersion {}, &Nothing {}).unwrap().server, "second");
    assert_eq!(agents.door().to_string(), second.display().to_string());
    drop(entered);
}
