//! A systemd that is none: it knows the units of a test, whose processes are real, and it speaks D-Bus on a bus of the
//! test's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use server_control::{SystemdControl, SystemdLimits};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, watch};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedObjectPath, fdo, interface};

use crate::bus::PrivateBus;
use crate::{server, service};

/// What a systemd does when it is asked for a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Jobs {
    /// It does it.
    #[default]
    Done,
    /// It does nothing, and removes the job with this result.
    End(&'static str),
    /// It takes the job and does not end it.
    Stay,
    /// It does not even answer.
    Hang,
}

/// A systemd on its bus.
pub(crate) struct FakeSystemd {
    pub(crate) bus: PrivateBus,
    machine: Shared,
    /// How many jobs have been taken.
    pub(crate) jobs: watch::Receiver<u32>,
    connection: Connection,
}

type Shared = Arc<Mutex<Machine>>;

struct Machine {
    manner: Jobs,
    /// Whether anybody wants to be told of jobs: else nobody is.
    subscribed: bool,
    /// The units that somebody has looked at.
    loaded: BTreeSet<String>,
    units: BTreeMap<String, Unit>,
    last_job: watch::Sender<u32>,
}

#[derive(Default)]
struct Unit {
    process: Option<Child>,
    failed: bool,
    broken: bool,
    restarts: u32,
    /// Whether it is started again when it is killed.
    restarts_itself: bool,
}

impl Unit {
    fn spawn(&mut self) {
        self.failed = self.broken;
        if !self.broken {
            let sleeper = Command::new("sleep").arg("600").kill_on_drop(true).spawn();
            self.process = Some(sleeper.unwrap());
        }
    }

    async fn end(&mut self) -> bool {
        match self.process.take() {
            Some(mut process) => process.kill().await.is_ok(),
            None => false,
        }
    }
}

impl FakeSystemd {
    /// `mailmedic-backend` runs, `mailmedic-frontend` has run, `mailmedic-agent` does not exist.
    pub(crate) async fn start() -> Self {
        let bus = PrivateBus::start();
        let (last_job, jobs) = watch::channel(0);
        let mut backend = Unit { restarts_itself: true, ..Unit::default() };
        backend.spawn();
        let units = BTreeMap::from([
            ("mailmedic-backend.service".to_owned(), backend),
            ("mailmedic-frontend.service".to_owned(), Unit::default()),
        ]);
        let machine = Arc::new(Mutex::new(Machine {
            manner: Jobs::Done,
            subscribed: false,
            loaded: BTreeSet::new(),
            units,
            last_job,
        }));
        let connection = bus.own("org.freedesktop.systemd1").await;
        let objects = connection.object_server();
        objects.at("/org/freedesktop/systemd1", Manager(machine.clone())).await.unwrap();
        for name in ["backend", "frontend", "agent"] {
            let unit = format!("mailmedic-{name}.service");
            objects.at(path(&unit), UnitFace(machine.clone(), unit.clone())).await.unwrap();
            objects.at(path(&unit), ServiceFace(machine.clone(), unit.clone())).await.unwrap();
        }
        Self { bus, machine, jobs, connection }
    }

    /// A control of all three with short limits.
    pub(crate) fn control(&self, limits: SystemdLimits) -> SystemdControl {
        let services = ["backend", "frontend", "agent"].map(service).to_vec();
        SystemdControl::new(server("mbx1"), services, self.bus.bus(), limits)
    }

    pub(crate) async fn treat_jobs(&self, manner: Jobs) {
        self.machine.lock().await.manner = manner;
    }

    pub(crate) fn break_service(&self, name: &str) {
        let mut machine = self.machine.try_lock().expect("nobody asks while a test breaks something");
        machine.units.get_mut(&format!("mailmedic-{name}.service")).unwrap().broken = true;
    }

    /// Leaves the bus, as a systemd does that is replaced.
    pub(crate) async fn leave(&self) {
        self.connection.release_name("org.freedesktop.systemd1").await.unwrap();
    }
}

fn path(unit: &str) -> String {
    format!("/org/freedesktop/systemd1/unit/{}", unit.replace('-', "_2d").replace('.', "_2e"))
}

fn object(path: String) -> OwnedObjectPath {
    OwnedObjectPath::try_from(path).unwrap()
}

struct Manager(Shared);

/// What systemd answers about a unit that it cannot find.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.freedesktop.systemd1")]
enum SystemdError {
    #[zbus(error)]
    ZBus(zbus::Error),
    NoSuchUnit(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Start,
    Stop,
    Restart,
}

impl Manager {
    async fn job(
        &self,
        verb: Verb,
        unit: String,
        mode: &str,
        emitter: SignalEmitter<'_>,
    ) -> Result<OwnedObjectPath, SystemdError> {
        assert_eq!(mode, "replace");
        let mut machine = self.0.lock().await;
        let manner = machine.manner;
        machine.last_job.send_modify(|jobs| *jobs += 1);
        let id = *machine.last_job.borrow();
        if manner == Jobs::Hang {
            drop(machine);
            return std::future::pending().await;
        }
        let Some(one) = machine.units.get_mut(&unit) else {
            return Err(SystemdError::NoSuchUnit(format!("Unit {unit} not found.")));
        };
        let mut result = "done";
        if let Jobs::Done = manner {
            if verb != Verb::Start {
                one.end().await;
            }
            if verb != Verb::Stop && one.process.is_none() {
                one.spawn();
                result = if one.failed { "failed" } else { "done" };
            }
        }
        let job = object(format!("/org/freedesktop/systemd1/job/{id}"));
        if let Jobs::End(other) = manner {
            result = other;
        }
        if machine.subscribed && manner != Jobs::Stay {
            // Another job ends first: whoever waits must tell them apart.
            let other = object("/org/freedesktop/systemd1/job/999999".to_owned());
            emitter.job_removed(999_999, other, unit.clone(), "canceled".into()).await?;
            emitter.job_removed(id, job.clone(), unit, result.to_owned()).await?;
        }
        Ok(job)
    }
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    async fn subscribe(&self) {
        self.0.lock().await.subscribed = true;
    }

    async fn load_unit(&self, name: &str) -> OwnedObjectPath {
        self.0.lock().await.loaded.insert(name.to_owned());
        object(path(name))
    }

    async fn reset_failed_unit(&self, name: String) -> Result<(), SystemdError> {
        let mut machine = self.0.lock().await;
        let loaded = machine.loaded.contains(&name);
        match machine.units.get_mut(&name) {
            Some(unit) if loaded => unit.failed = false,
            _ => return Err(SystemdError::NoSuchUnit(format!("Unit {name} not loaded."))),
        }
        Ok(())
    }

    async fn start_unit(
        &self,
        name: String,
        mode: String,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<OwnedObjectPath, SystemdError> {
        self.job(Verb::Start, name, &mode, emitter).await
    }

    async fn stop_unit(
        &self,
        name: String,
        mode: String,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<OwnedObjectPath, SystemdError> {
        self.job(Verb::Stop, name, &mode, emitter).await
    }

    async fn restart_unit(
        &self,
        name: String,
        mode: String,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<OwnedObjectPath, SystemdError> {
        self.job(Verb::Restart, name, &mode, emitter).await
    }

    async fn kill_unit(&self, name: String, whom: String, signal: i32) -> fdo::Result<()> {
        assert_eq!((whom.as_str(), signal), ("all", 9));
        let mut machine = self.0.lock().await;
        match machine.manner {
            // A process that a signal does not end.
            Jobs::Stay => return Ok(()),
            Jobs::Hang => {
                drop(machine);
                return std::future::pending().await;
            }
            Jobs::Done | Jobs::End(_) => {}
        }
        let unit = machine.units.get_mut(&name).unwrap();
        if unit.end().await && unit.restarts_itself {
            unit.restarts += 1;
            unit.spawn();
        }
        Ok(())
    }

    #[zbus(signal)]
    async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: OwnedObjectPath,
        unit: String,
        result: String,
    ) -> zbus::Result<()>;
}

struct UnitFace(Shared, String);

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl UnitFace {
    #[zbus(property)]
    async fn load_state(&self) -> String {
        if self.0.lock().await.units.contains_key(&self.1) { "loaded" } else { "not-found" }.to_owned()
    }

    #[zbus(property)]
    async fn active_state(&self) -> String {
        match self.0.lock().await.units.get(&self.1) {
            Some(Unit { failed: true, .. }) => "failed",
            Some(Unit { process: Some(_), .. }) => "active",
            _ => "inactive",
        }
        .to_owned()
    }

    #[zbus(property)]
    async fn unit_file_state(&self) -> String {
        if self.0.lock().await.units.contains_key(&self.1) { "enabled" } else { "" }.to_owned()
    }

    #[zbus(property)]
    async fn state_change_timestamp(&self) -> u64 {
        if self.0.lock().await.units.contains_key(&self.1) { 1_700_000_000_000_000 } else { 0 }
    }
}

struct ServiceFace(Shared, String);

#[interface(name = "org.freedesktop.systemd1.Service")]
impl ServiceFace {
    #[zbus(property, name = "MainPID")]
    async fn main_pid(&self) -> u32 {
        let machine = self.0.lock().await;
        machine.units.get(&self.1).and_then(|unit| unit.process.as_ref()?.id()).unwrap_or(0)
    }

    #[zbus(property, name = "NRestarts")]
    async fn restarts(&self) -> u32 {
        self.0.lock().await.units.get(&self.1).map_or(0, |unit| unit.restarts)
    }

    #[zbus(property, name = "Result")]
    async fn last_result(&self) -> String {
        match self.0.lock().await.units.get(&self.1) {
            Some(Unit { failed: true, .. }) => "exit-code",
            _ => "success",
        }
        .to_owned()
    }
}
