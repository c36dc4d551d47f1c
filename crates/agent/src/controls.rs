//! Services and the power of servers, through whoever starts them.
//!
//! Where there is an init of ours, it answers on a socket in the server's folder; where there is none, systemd is the init
//! of this machine. Power is whatever `[power]` says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use server_control::{
    Bus, CommandLine, CommandPower, ControlError, GridLimits, GridPower, InitControl, InitLimits,
    LogindPower, PowerCommands, PowerReport, PowerState, RequestId, ServerPower, ServiceControl, ServiceName,
    ServiceReport, SystemdControl, SystemdLimits,
};
use settings::{DataDirectory, PowerKind, Role, Server, ServerName, ServerSettings};
use tokio::time::timeout;

/// How long an init or the grid may take to answer from memory.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long somebody waits who asks for something that may take long: then it is under way. Shorter than an agent that is
/// told to end leaves those it answers: the server may be its own.
const UNDER_WAY: Duration = Duration::from_millis(500);
/// How long a configured command may take.
const COMMAND: Duration = Duration::from_mins(1);

/// What is to be done to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Start,
    Stop,
    Restart,
}

/// Why something is not done to a server or a service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undone {
    /// Whoever was to do it says so.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Nobody here can do it.
    #[error("{0}")]
    Nobody(String),
}

impl Undone {
    /// Whether somebody decided so: asking again does not help.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Nobody(_) | Self::Control(ControlError::Refused { .. } | ControlError::Unsupported { .. })
        )
    }
}

/// The servers of one data directory.
pub(crate) struct Controls {
    services: BTreeMap<ServerName, Arc<dyn ServiceControl>>,
    power: Option<Arc<dyn ServerPower>>,
}

impl Controls {
    /// What the agent of `this` can reach of `servers`.
    pub(crate) fn new(
        data: &DataDirectory,
        servers: &[Server],
        this: &ServerName,
        settings: &ServerSettings,
    ) -> Self {
        let services = servers.iter().filter_map(|server| {
            let socket = data.server(server.name.as_str()).admin_socket("init");
            // Our init is there before the agent that it starts.
            let control: Arc<dyn ServiceControl> = if server.name != *this || socket.exists() {
                let limits = InitLimits { answer: PATIENCE, ..InitLimits::default() };
                Arc::new(InitControl::new(server.name.clone(), socket, limits))
            } else {
                let units = units_of(server)?;
                Arc::new(SystemdControl::new(
                    server.name.clone(),
                    units,
                    Bus::System,
                    SystemdLimits::default(),
                ))
            };
            Some((server.name.clone(), control))
        });
        Self { services: services.collect(), power: power(data, this, settings) }
    }

    /// How the services of a server are.
    pub(crate) async fn services(&self, server: &ServerName) -> Result<Vec<ServiceReport>, Undone> {
        Ok(self.of(server)?.services().await?)
    }

    /// Does something to a service, or begins to: what takes long goes on by itself.
    pub(crate) async fn act(
        &self,
        server: &ServerName,
        service: &ServiceName,
        act: Act,
    ) -> Result<(), Undone> {
        let (control, service) = (Arc::clone(self.of(server)?), service.clone());
        under_way(async move {
            match act {
                Act::Start => control.start(&service).await,
                Act::Stop => control.stop(&service).await,
                Act::Restart => control.restart(&service).await,
            }
        })
        .await
    }

    /// How the power of a server is, as far as anybody says.
    pub(crate) async fn power(&self, server: &ServerName) -> Option<PowerReport> {
        self.power.as_ref()?.power(server).await.ok()
    }

    /// Has a server shut down in order and started again; twice with one `id` is once. Returns once it has begun.
    pub(crate) async fn restart(&self, server: &ServerName, id: RequestId) -> Result<(), Undone> {
        let Some(power) = &self.power else {
            let why = format!("nobody here can restart {server}: [power] kind says \"none\" for this server");
            return Err(Undone::Nobody(why));
        };
        let (power, server) = (Arc::clone(power), server.clone());
        under_way(async move { power.restart(&server, &id).await }).await
    }

    /// Replaces the process of a service; one that has not ended by itself after `soft` is killed. Returns when another is
    /// in its place.
    pub(crate) async fn replace(
        &self,
        server: &ServerName,
        service: &str,
        soft: Duration,
    ) -> Result<(), Undone> {
        let (control, service) = (Arc::clone(self.of(server)?), name(service)?);
        let mut restart = std::pin::pin!(control.restart(&service));
        if let Ok(done) = timeout(soft, &mut restart).await {
            return Ok(done?);
        }
        control.kill(&service).await?;
        Ok(restart.await?)
    }

    /// Cuts the power of a server, which returns; twice with one `id` is once.
    pub(crate) async fn cycle(&self, server: &ServerName, id: &RequestId) -> Result<(), Undone> {
        let nobody = || {
            Undone::Nobody(format!("nobody here can cut the power of {server}: [power] kind says \"none\""))
        };
        let power = self.power.as_ref().ok_or_else(nobody)?;
        Ok(power.cycle(server, id).await?)
    }

    /// Makes certain that no back end of `server` that ran when this was asked is left. Returns when that is so.
    ///
    /// The init kills it. An init that is dead has taken its services with it; one that does not answer loses its power.
    pub(crate) async fn fence(&self, server: &ServerName, id: u64) -> Result<(), Undone> {
        let back_end = name("backend")?;
        let unreachable = match self.of(server)?.kill(&back_end).await {
            Ok(_) => return Ok(()),
            Err(error @ (ControlError::Refused { .. } | ControlError::Unsupported { .. })) => {
                return Err(error.into());
            }
            Err(error) => error,
        };
        if self.is_without_power(server).await {
            return Ok(());
        }
        let Some(power) = &self.power else { return Err(unreachable.into()) };
        tracing::warn!(%server, error = %unreachable, "its init does not answer; the power of the server is cut");
        let id =
            RequestId::parse(&format!("fence-{id}")).map_err(|error| Undone::Nobody(error.to_string()))?;
        Ok(power.cycle(server, &id).await?)
    }

    async fn is_without_power(&self, server: &ServerName) -> bool {
        let report = self.power(server).await;
        report.is_some_and(|report| !matches!(report.state, PowerState::On))
    }

    fn of(&self, server: &ServerName) -> Result<&Arc<dyn ServiceControl>, Undone> {
        let nobody =
            || Undone::Nobody(format!("the services of {server} are out of reach from here; ask its agent"));
        self.services.get(server).ok_or_else(nobody)
    }
}

/// Waits a little: who waits no longer is told that it is under way.
async fn under_way(
    deed: impl Future<Output = Result<(), ControlError>> + Send + 'static,
) -> Result<(), Undone> {
    match timeout(UNDER_WAY, tokio::spawn(deed)).await {
        Ok(Ok(done)) => Ok(done?),
        // It panicked, which has been told, or it goes on.
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

fn power(data: &DataDirectory, this: &ServerName, settings: &ServerSettings) -> Option<Arc<dyn ServerPower>> {
    let ids = data.server(this.as_str()).root().join("power-requests");
    match settings.power.kind {
        PowerKind::None => None,
        PowerKind::Grid => {
            let limits = GridLimits { answer: PATIENCE, ..GridLimits::default() };
            Some(Arc::new(GridPower::new(data.grid_socket(), data.clone(), limits)))
        }
        PowerKind::Logind => Some(Arc::new(LogindPower::new(this.clone(), Bus::System, PATIENCE, ids))),
        PowerKind::Command => {
            let line = CommandLine::parse(settings.power.command.words());
            if let Err(error) = &line {
                tracing::error!(%error, "[power] command cannot be used: nobody here can cut the power of servers");
            }
            let commands = PowerCommands { cycle: Some(line.ok()?), restart: None, limit: COMMAND };
            Some(Arc::new(CommandPower::new(commands, ids)))
        }
    }
}

/// The services that systemd starts on a server.
fn units_of(server: &Server) -> Option<Vec<ServiceName>> {
    let names = [
        Some("agent"),
        server.has(Role::Mailbox).then_some("backend"),
        server.has(Role::ClientAccess).then_some("frontend"),
    ];
    names.into_iter().flatten().map(|text| ServiceName::parse(text).ok()).collect()
}

fn name(text: &str) -> Result<ServiceName, Undone> {
    ServiceName::parse(text).map_err(|error| Undone::Nobody(error.to_string()))
}
