//! The ways to other servers and to the coordinator, and the agents of other servers.

use std::io::ErrorKind;
use std::net::SocketAddr;

use admin_api::{Caller, Role as CallerRole, routes};
use coordinator::Prefix;
use health::{COORDINATOR, Failure, FailureReason, Finding, Part, Phase};
use settings::{Role, ServerName, Value as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Aim, Attempts, Recording, cannot_test, hindrance, in_phases};

impl Attempts {
    pub(super) async fn reach(&self, target: &str, aim: &Aim) -> Finding {
        if target == COORDINATOR {
            return in_phases((Part::Coordinator, Phase::Read), aim.limit, |recording| async move {
                let agents = Prefix::new("agents/")
                    .map_err(|error| recording.failure(FailureReason::NotConfigured, error.to_string()))?;
                let read = self.coordinator.read(&agents).await;
                read.map(drop).map_err(|error| recording.failure(FailureReason::NoAnswer, error.to_string()))
            })
            .await;
        }
        let addresses = match ServerName::parse(target) {
            Ok(server) => self.service_ports(&server),
            Err(error) => return cannot_test(hindrance(FailureReason::NotConfigured, &error.to_string())),
        };
        let server = ServerName::parse(target).ok();
        let finding = in_phases((Part::Network, Phase::Connect), aim.limit, |recording| async move {
            let mut last = recording.failure(FailureReason::NotConfigured, "it has no address here");
            for address in addresses {
                match TcpStream::connect(address).await {
                    Ok(_) => return Ok(()),
                    // Somebody said no: the way is there, and who does not listen has probes of its own.
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(()),
                    Err(error) => {
                        last = recording.failure(FailureReason::Connect, format!("{address}: {error}"));
                    }
                }
            }
            Err(last)
        });
        Finding { mailbox_server: server, ..finding.await }
    }

    /// Asks the agent of another server; if it does not answer, whether its services do.
    pub(super) async fn ask_neighbour(&self, target: &str, aim: &Aim) -> Finding {
        let server = match ServerName::parse(target) {
            Ok(server) => server,
            Err(error) => return cannot_test(hindrance(FailureReason::NotConfigured, &error.to_string())),
        };
        in_phases((Part::Agent, Phase::Ask), aim.limit, |recording| async move {
            // Half of the time is for the agent, the rest for the services.
            let asked = timeout(aim.limit / 2, self.version_of(&server)).await;
            let why = match asked {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(why)) => why,
                Err(_) => "its agent does not answer".to_owned(),
            };
            let answers = self.services_answer(&server, aim, &recording).await;
            Err(Failure { detail: format!("{why}; {}", answers.detail), ..answers })
        })
        .await
    }

    async fn version_of(&self, server: &ServerName) -> Result<(), String> {
        let caller = Caller { name: format!("agent-{}", self.server), role: CallerRole::Viewer };
        let client = self.neighbours.client(&caller, server).map_err(|problem| problem.detail)?;
        let asked = client.get(&routes::ShowVersion {}, &admin_api::Nothing {}).await;
        asked.map(drop).map_err(|error| format!("its agent does not answer: {error}"))
    }

    /// Whether the services of a server whose agent is silent accept.
    async fn services_answer(&self, server: &ServerName, aim: &Aim, recording: &Recording) -> Failure {
        for address in self.service_ports(server) {
            // A stopped process accepts too, as far as its kernel goes, but says nothing.
            if timeout(aim.limit / 4, greeted(address)).await.unwrap_or(false) {
                return recording.failure(FailureReason::NoAnswer, "its services do");
            }
        }
        recording.enter(Phase::Connect);
        recording.failure(FailureReason::NoAnswer, "neither do its services")
    }

    /// Where the services of a server listen for others of the cluster.
    fn service_ports(&self, server: &ServerName) -> Vec<SocketAddr> {
        let settled = self.live.snapshot();
        let Some(configured) = settled.configuration.server(server.as_str()) else { return Vec::new() };
        let of_server = settled.configuration.settings_of(configured, &settings::Layer::default());
        let inner = configured.has(Role::Mailbox).then(|| of_server.inner_pop3_address());
        let client = if configured.has(Role::ClientAccess) { of_server.pop3_addresses() } else { Vec::new() };
        inner.into_iter().chain(client.into_iter().map(|address| at(address, configured))).collect()
    }
}

/// A listener on all addresses of a server is reached at the address of the server.
fn at(address: SocketAddr, server: &settings::Server) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::new(server.address, address.port()) } else { address }
}

/// Whether somebody who listens there is alive: it says something, or ends the connection.
async fn greeted(address: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect(address).await else { return false };
    // The leg between the tiers waits for a handshake: what is no handshake is answered with an alert.
    let _ = stream.try_write(b"\r\n");
    stream.readable().await.is_ok()
}
