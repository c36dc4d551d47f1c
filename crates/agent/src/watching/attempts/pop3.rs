//! As a client of a front end or a back end.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use health::{Failure, FailureReason, Finding, Outcome, Part, Phase, component_state};
use health_mailbox::{Whose, known_message, whose};
use net::ClientTls;
use net::tls::CertificateError;
use placement::record::ComponentState;
use placement::{Component, component_state as requested_state};
use probe::{Attempt, Content, Endpoint, Mailbox, Scenario, Security};
use service::admin::{Answer, Ask, ask};
use service::live::Settled;
use settings::{CertificateName, DatabaseName, Value as _};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::{Aim, Attempts, cannot_test, hindrance};

/// How long what clients trust is taken to be the same.
const REREAD: std::time::Duration = std::time::Duration::from_mins(1);
/// How long a service may take to say which session an attempt had.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);

/// Whom clients trust, read now and then.
#[derive(Default)]
pub(super) struct ClientSide(Mutex<Option<(Instant, Option<PathBuf>, ClientTls)>>);

/// A listener of the front end.
pub(super) struct Listener {
    /// `POP3`, `POP3S`; with its address, if there are several.
    pub(super) name: String,
    address: SocketAddr,
    has_tls: bool,
}

impl ClientSide {
    fn tls(
        &self,
        authorities: Option<PathBuf>,
        own: &std::path::Path,
    ) -> Result<ClientTls, CertificateError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, of, tls)) = &*kept
            && read.elapsed() < REREAD
            && *of == authorities
        {
            return Ok(tls.clone());
        }
        let tls = match &authorities {
            Some(file) => ClientTls::verified_by(file)?,
            None => ClientTls::as_clients_have_it(own.exists().then_some(own))?,
        };
        *kept = Some((Instant::now(), authorities, tls.clone()));
        Ok(tls)
    }
}

impl Attempts {
    /// The POP3 listeners of the front end of this server, as the settings have them.
    pub(super) fn listeners(&self) -> Vec<Listener> {
        let settled = self.live.snapshot();
        let own = settled.configuration.server(self.server.as_str()).map(|server| server.address);
        // A listener on all addresses is reached at that of the server, whose connections have places in reserve.
        let own = own.unwrap_or(Ipv4Addr::LOCALHOST.into());
        let of = |word: &str, addresses: Vec<SocketAddr>, has_tls: bool| {
            let several = addresses.len() > 1;
            let listener = |address: SocketAddr| Listener {
                name: if several { format!("{word}@{address}") } else { word.to_owned() },
                address: reachable(address, own),
                has_tls,
            };
            addresses.into_iter().map(listener).collect::<Vec<_>>()
        };
        let mut listeners = of("POP3", settled.server.pop3_addresses(), false);
        listeners.extend(of("POP3S", settled.server.pop3s_addresses(), true));
        listeners
    }

    /// How a client connects to a listener.
    fn as_client(&self, listener: &Listener, aim: &Aim) -> Result<Endpoint, Failure> {
        let settled = self.live.snapshot();
        if settled.server.peers.proxy_protocol.contains(listener.address.ip()) {
            let why = "this server takes connections from itself only with a PROXY protocol header; \
                       see ProxyProtocol in [peers]";
            return Err(hindrance(FailureReason::NotConfigured, why));
        }
        let authorities = settled.server.health.client_authorities.as_ref();
        let authorities = authorities.map(|file| file.from_folder(self.data.root()));
        let own = self.data.client_authority().join("ca.pem");
        let tls = self.clients.tls(authorities, &own).map_err(|error| {
            hindrance(FailureReason::NotConfigured, &format!("what clients trust: {error}"))
        })?;
        let name = self.client_name(&settled);
        let security =
            if listener.has_tls { Security::Implicit(tls, name) } else { Security::StartTls(tls, name) };
        let address = aim.endpoint.clone().unwrap_or_else(|| listener.address.into());
        Ok(Endpoint { address, security, part: Part::FrontEnd })
    }

    /// The name by which clients know this server: that of the certificate which our own CA made for it, or its host name.
    fn client_name(&self, settled: &Settled) -> String {
        let own = settled.server.pop.x509_certificate_name.iter().find_map(|name| match name {
            CertificateName::Own(name) => Some(name.to_string()),
            CertificateName::Files { .. } => None,
        });
        let host_name =
            || settled.configuration.server(self.server.as_str()).map(|it| it.host_name.to_string());
        own.or_else(host_name).unwrap_or_else(|| self.server.to_string())
    }

    /// The back end of a server, as front ends connect to it.
    pub(super) fn back_end(&self, server: &settings::ServerName, aim: &Aim) -> Result<Endpoint, Failure> {
        let settled = self.live.snapshot();
        let configured = settled.configuration.server(server.as_str());
        let configured = configured.ok_or_else(|| {
            hindrance(FailureReason::NotConfigured, &format!("there is no server {server}"))
        })?;
        let port = settled.server.inner_pop3_address().port();
        let address =
            aim.endpoint.clone().unwrap_or_else(|| SocketAddr::new(configured.address, port).into());
        let security = Security::Implicit(self.certificates.inner().client(), server.to_string());
        Ok(Endpoint { address, security, part: Part::BackEnd })
    }

    pub(super) async fn self_test(&self, aim: &Aim) -> Finding {
        let endpoint = match self.back_end(&self.server, aim) {
            Ok(endpoint) => endpoint,
            Err(why) => return cannot_test(why),
        };
        let attempt = Attempt::pop3(&endpoint, &Scenario::Greet, aim.limit).await;
        Finding { mailbox_server: Some(self.server.clone()), ..self.with_session("backend", attempt).await }
    }

    pub(super) async fn proxy_test(&self, target: &str, aim: &Aim) -> Finding {
        let listeners = self.listeners();
        let Some(listener) = listeners.iter().find(|listener| listener.name == target) else {
            return cannot_test(hindrance(FailureReason::NoListener, "the front end has no such listener"));
        };
        match self.as_client(listener, aim) {
            Ok(endpoint) => {
                let attempt = Attempt::pop3(&endpoint, &Scenario::Greet, aim.limit).await;
                self.with_session("frontend", attempt).await
            }
            Err(why) => cannot_test(why),
        }
    }

    pub(super) async fn deep_test(&self, target: &str, aim: &Aim) -> Finding {
        let found = self.database(target, aim);
        let found =
            found.and_then(|(database, account)| Ok((database, account, self.back_end(&self.server, aim)?)));
        let (database, account, endpoint) = match found {
            Ok(found) => found,
            Err(why) => return cannot_test(why),
        };
        let known = |header: &[u8]| match whose(header) {
            Whose::Known => probe::Whose::Known,
            Whose::Prober(_) | Whose::Stray => probe::Whose::Others,
        };
        let mailbox =
            Mailbox { account: &account, known: Some(content(&known_message(&database))), whose: &known };
        let attempt = Attempt::pop3(&endpoint, &Scenario::ReadKnown(&mailbox), aim.limit).await;
        Finding {
            mailbox_server: Some(self.server.clone()),
            database: Some(database),
            ..self.with_session("backend", attempt).await
        }
    }

    pub(super) async fn touch_point(&self, target: &str, aim: &Aim) -> Finding {
        let listeners = self.listeners();
        // Most clients come with TLS from the first octet.
        let listener = listeners.iter().find(|listener| listener.has_tls).or(listeners.first());
        let Some(listener) = listener else {
            return cannot_test(hindrance(FailureReason::NoListener, "the front end has no POP3 listener"));
        };
        let found = self.database(target, aim);
        let found =
            found.and_then(|(database, account)| Ok((database, account, self.as_client(listener, aim)?)));
        let (database, account, endpoint) = match found {
            Ok(found) => found,
            Err(why) => return cannot_test(why),
        };
        let behind = self.world().mounted_on(&database).cloned();
        let ours = |header: &[u8]| match whose(header) {
            Whose::Known => probe::Whose::Known,
            Whose::Prober(tag) => self.deliveries.whose(&database, tag),
            Whose::Stray => probe::Whose::Others,
        };
        let mailbox =
            Mailbox { account: &account, known: Some(content(&known_message(&database))), whose: &ours };
        let attempt = Attempt::pop3(&endpoint, &Scenario::Touch(&mailbox), aim.limit).await;
        let finding = self.with_session("frontend", attempt).await;
        Finding { mailbox_server: behind, database: Some(database), ..finding }
    }

    /// The handshake of the inner leg. Only what says that one does not trust the other speaks against it: a back end that
    /// does not run, or hangs, has probes of its own.
    pub(super) async fn shake_hands(&self, target: &str, aim: &Aim) -> Finding {
        let endpoint = settings::ServerName::parse(target)
            .map_err(|error| hindrance(FailureReason::NotConfigured, &error.to_string()))
            .and_then(|server| self.back_end(&server, aim).map(|endpoint| (server, endpoint)));
        let (server, endpoint) = match endpoint {
            Ok((server, endpoint)) => {
                (server, Endpoint { part: Part::MailboxServerAuthentication, ..endpoint })
            }
            Err(why) => return cannot_test(why),
        };
        let mut finding = Attempt::pop3(&endpoint, &Scenario::Greet, aim.limit).await.finding;
        let distrust = finding.failure.as_ref().is_some_and(|failure| {
            matches!(failure.reason, FailureReason::Certificate | FailureReason::TlsHandshake)
                // The alert that a certificate is refused comes after the handshake (RFC 8446 section 4.4.2).
                || failure.phase == Phase::Greeting && failure.reason == FailureReason::ConnectionLost
        });
        if finding.outcome.is_failure() && !distrust {
            finding.outcome = Outcome::CannotTest;
        }
        Finding { mailbox_server: Some(server), ..finding }
    }

    /// A database and the account of its health mailbox.
    fn database(&self, target: &str, aim: &Aim) -> Result<(DatabaseName, probe::Account), Failure> {
        let database = DatabaseName::parse(target)
            .map_err(|error| hindrance(FailureReason::NotConfigured, &error.to_string()))?;
        let account = self.account(aim.account.as_ref().unwrap_or(&database))?;
        Ok((database, account))
    }

    /// The finding of an attempt; if it failed, with the session that the service had with us.
    async fn with_session(&self, service: &'static str, attempt: Attempt) -> Finding {
        let Attempt { finding, local, .. } = attempt;
        let Some(client) = local.filter(|_| finding.outcome.is_failure()) else { return finding };
        let socket = self.data.server(self.server.as_str()).admin_socket(service);
        let asked = spawn_blocking(move || ask(&socket, &Ask::SessionsOfClient { client }, PATIENCE)).await;
        let session = match asked {
            Ok(Ok(Answer::Session { kept, .. })) => kept.first().map(|kept| kept.id.to_string()),
            // It may hang, or run no more: that is what is being found out.
            _ => None,
        };
        Finding { session, ..finding }
    }

    /// Why a service takes no traffic, if it is not to.
    pub(super) fn drained(&self, service: &str) -> Option<Failure> {
        let component = Component::parse(service).ok()?;
        let status = requested_state(&self.world(), &self.server, &component);
        if status.effective == ComponentState::Active {
            return None;
        }
        let who: Vec<_> = status
            .requests
            .iter()
            .filter(|(_, request)| request.state == status.effective)
            .map(|(by, _)| by.as_str())
            .collect();
        let state = component_state(Some(status.effective)).word();
        Some(hindrance(
            FailureReason::Drained,
            &format!("the {service} is {state}, as {} asked", who.join(", ")),
        ))
    }
}

/// What a message must end with.
pub(super) fn content(message: &[u8]) -> Content {
    Content { sha256: health_mailbox::digest(message), octets: message.len() as u64 }
}

/// Where a listener is reached: one on all addresses at this one.
pub(super) fn reachable(address: SocketAddr, at: IpAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::new(at, address.port()) } else { address }
}
