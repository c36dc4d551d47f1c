//! The process of an agent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cluster::{Announcements, Announcing, Following};
use coordinator::{Coordinator, LeaseId, Standing};
use health::{Observation, Verdict, Watched};
use health_results::{Limits, Results};
use placement::record::Presence;
use placement::{Component, RecordKey, World};
use reception::{Certificates, Failure, Process};
use serde_json::json;
use service::lifecycle::Exit;
use service::live::Settled;
use service::{Live, Particulars};
use settings::{DataDirectory, Role, ServerFolder, ServerName};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::api::{self, Api, Recovered, Watch, door};
use crate::audit::Audit;
use crate::clock::unix_millis;
use crate::components;
use crate::controls::Controls;
use crate::escalating::Escalating;
use crate::health_mailboxes;
use crate::leading::Leading;
use crate::left_moves;
use crate::metrics;
use crate::neighbours::Neighbours;
use crate::recovering::{Ledger, Recovering};
use crate::watching::{Attempts, Judgement, Keeping, Means, Watching, follow_elsewhere};

/// How long a start waits for the coordinator.
const FIRST_VIEW: Duration = Duration::from_secs(2);
/// How many observations of recoveries may wait to be judged.
const EXTRA: usize = 16;
/// How long requests under way may take once the agent is to stop.
const DRAIN: Duration = Duration::from_secs(1);

/// Runs the agent of `server` until it is asked to stop.
pub async fn run(data: DataDirectory, server: ServerName) -> Result<(), Failure> {
    let mut process = Process::start("agent", &data, &server)?;
    let live = Arc::clone(&process.service.live);
    let settled = live.snapshot();
    let folder = data.server(server.as_str());
    let failed = |error: std::io::Error| Failure::of(Exit::Failed, error);
    let coordinator = cluster::connect(&settled.configuration, &data)
        .map_err(|error| Failure::of(Exit::Misconfigured, error))?;
    let records = Following::start(Arc::clone(&coordinator), cluster::everything(), None);
    let lease = settled.configuration.cluster().coordinator.lease.duration();
    let announcing = Announcing::start(Arc::clone(&coordinator), lease);
    let controls = Arc::new(Controls::new(&data, &settled.configuration.servers, &server, &settled.server));
    let (seen, leading) =
        place((&server, &data, &live), &coordinator, &records, announcing.lease(), &controls);
    let components = components(&settled, &server);
    tokio::spawn(components::apply(server.clone(), folder.clone(), components, seen.clone()));
    let certificates = Certificates::load(&data, server.as_str(), &settled.server)
        .map_err(|error| Failure::of(Exit::Misconfigured, error))?;
    let certificates = Arc::new(certificates);
    let neighbours = Arc::new(Neighbours {
        server: server.clone(),
        data: data.clone(),
        world: seen.clone(),
        tls: certificates.inner().client(),
    });
    tokio::spawn(health_mailboxes::provide(data.clone(), Arc::clone(&live)));
    let means = Means {
        server: server.clone(),
        data: data.clone(),
        live: Arc::clone(&live),
        world: seen.clone(),
        placed: records.changes(),
        coordinator: Arc::clone(&coordinator),
        certificates: Arc::clone(&certificates),
        neighbours: Arc::clone(&neighbours),
    };
    let attempts = Attempts::new(means.clone());
    let attempts = Arc::new(attempts.await.map_err(failed)?);
    let (open, is_open) = watch::channel(false);
    let (observed, extra) = mpsc::channel(EXTRA);
    let (watch, watching, elsewhere) =
        watch_over(&folder, &server, Arc::clone(&attempts), (&neighbours, &seen, is_open), extra);
    let ledger = open_journal(&folder, &server, &live);
    let (tell_refused, refused) = watch::channel(Arc::default());
    let recovered = Recovered { ledger: ledger.clone(), refused };
    let (tally, told) = (Arc::clone(&watching.tally), watch.told.clone());
    process.service.set_own_metrics(metrics::of(tally, told, leading.clone(), recovered.clone()));
    let of_metrics = Arc::clone(&process.service);
    let boot_id = boot_id(&controls, &server).await;
    let recovering = ledger.map(|ledger| Recovering {
        means,
        controls: Arc::clone(&controls),
        attempts,
        observed,
        told: watch.told.clone(),
        elsewhere,
        leads: leading,
        boot_id: boot_id.clone(),
        ledger,
        refused: tell_refused,
        open,
    });
    let api = Arc::new(Api {
        server: server.clone(),
        data: data.clone(),
        live: Arc::clone(&live),
        coordinator,
        world: seen,
        controls: Arc::clone(&controls),
        audit: Audit::open(&folder.audit_log(), server.as_str()).map_err(failed)?,
        user_moves: api::UserMoves::default(),
        neighbours,
        watch,
        recovered,
        metrics: Arc::new(move || of_metrics.metrics()),
    });
    // An agent that knows nothing yet would answer wrongly. Without a coordinator it opens all the same.
    let mut placed = records.changes();
    let _ = timeout(FIRST_VIEW, placed.wait_for(|placed| matches!(placed.standing, Standing::Live))).await;
    let service = Arc::clone(&process.service);
    let doors = door::open(api::router(api), service, certificates, data.clone()).await;
    let doors = doors.map_err(Failure::of_open)?;
    let addresses = doors.addresses();
    process.service.set_particulars(Particulars {
        details: Box::new(move || json!({ "addresses": addresses })),
        gauges: Box::new(BTreeMap::new),
    });
    announce(&announcing, &settled, &server, boot_id);
    let watching = tokio::spawn(watching.run());
    let recovering = recovering.map(|recovering| tokio::spawn(recovering.run()));
    process.serve().await;
    // An act that is under way is gone on with by the next agent.
    if let Some(recovering) = recovering {
        recovering.abort();
    }
    watching.abort();
    // Another agent may lead at once.
    announcing.withdraw().await;
    reception::empty(&process.service.sessions, DRAIN).await;
    doors.close().await;
    process.end();
    Ok(())
}

/// Says that this agent is there: from now on whoever follows the records may count on its API.
fn announce(announcing: &Announcing, settled: &Settled, server: &ServerName, boot_id: String) {
    let api = settled.server.api_tls_addresses().first().copied();
    let presence = Presence { boot_id, api, since: unix_millis() };
    announcing.update(|said: &mut Announcements| said.say(&RecordKey::Agent(server.clone()), &presence));
}

/// The parts of a server that take traffic.
fn components(settled: &Settled, server: &ServerName) -> Vec<Component> {
    let role = |role| settled.configuration.server(server.as_str()).is_some_and(|server| server.has(role));
    let components =
        [role(Role::Mailbox).then(Component::back_end), role(Role::ClientAccess).then(Component::front_end)];
    components.into_iter().flatten().collect()
}

/// The journal of this server's recoveries, and the calls of people that follow from it. Without one nothing is recovered,
/// and everything else goes on.
fn open_journal(folder: &ServerFolder, server: &ServerName, live: &Arc<Live>) -> Option<Arc<Ledger>> {
    let opened = Ledger::open(&folder.recovery_journal());
    let opened = opened.inspect_err(|error| {
        tracing::error!(%error, "the journal of recoveries cannot be opened: nothing is recovered");
    });
    let ledger = opened.ok().map(Arc::new)?;
    let escalating =
        Escalating { server: server.clone(), live: Arc::clone(live), ledger: Arc::clone(&ledger) };
    tokio::spawn(escalating.run());
    Some(ledger)
}

/// Placement, for ever, whenever it falls to this agent; with the world as it sees it, and whether it leads.
fn place(
    (server, data, live): (&ServerName, &DataDirectory, &Arc<Live>),
    coordinator: &Arc<dyn Coordinator>,
    records: &Following,
    lease: watch::Receiver<Option<LeaseId>>,
    controls: &Arc<Controls>,
) -> (watch::Receiver<Arc<World>>, watch::Receiver<bool>) {
    let (world, seen) = watch::channel(Arc::new(World::default()));
    let (leads, leading) = watch::channel(false);
    let placement = Leading {
        server: server.clone(),
        live: Arc::clone(live),
        coordinator: Arc::clone(coordinator),
        placed: records.changes(),
        lease,
        controls: Arc::clone(controls),
        world,
        leads,
    };
    tokio::spawn(placement.run());
    tokio::spawn(left_moves::take_up(data.clone(), Arc::clone(live), leading.clone()));
    (seen, leading)
}

/// The watch over this server, for the API and to be run. If results cannot be kept it goes on without.
fn watch_over(
    folder: &ServerFolder,
    server: &ServerName,
    attempts: Arc<Attempts>,
    (neighbours, world, recovering): (&Arc<Neighbours>, &watch::Receiver<Arc<World>>, watch::Receiver<bool>),
    extra: mpsc::Receiver<(Watched, Observation)>,
) -> (Watch, Watching, watch::Receiver<Arc<Vec<Verdict>>>) {
    let results = Results::open(&folder.health_results(), Limits::default());
    let results = results
        .inspect_err(|error| tracing::warn!(%error, "what probes find is not kept; watching goes on"))
        .ok()
        .map(Arc::new);
    let earlier = results.as_ref().and_then(|results| results.last_verdicts().ok()).unwrap_or_default();
    let (tell_elsewhere, elsewhere) = watch::channel(Arc::default());
    let (tell, told) = watch::channel(Arc::default());
    let follow =
        follow_elsewhere(Arc::clone(neighbours), world.clone(), told.clone(), recovering, tell_elsewhere);
    tokio::spawn(follow);
    let keeping = results.clone().and_then(|results| {
        let started = Keeping::start(results);
        started.inspect_err(|error| tracing::warn!(%error, "what probes find is not kept")).ok()
    });
    let watching = Watching {
        server: server.clone(),
        world: world.clone(),
        attempts: Arc::clone(&attempts),
        judgement: Judgement::new(server.clone(), elsewhere.clone(), earlier),
        extra,
        keeping,
        told: tell,
        tally: Arc::default(),
    };
    (Watch { attempts, told, results }, watching, elsewhere)
}

/// The boot id of this server; where there is no init of ours to give one, that of the machine.
async fn boot_id(controls: &Controls, server: &ServerName) -> String {
    let services = controls.services(server).await.unwrap_or_default();
    let told = services.into_iter().find_map(|service| service.boot_id);
    told.map_or_else(machine_boot_id, |id| id.as_str().to_owned())
}

fn machine_boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}
