//! What is done to the world: the slots taken, the intent written down, the act, and what came of it.

use std::time::Duration;

use cluster::{Committed, commit};
use coordinator::Revision;
use health::recovery::{Act, Event, Intent, Reboots, RecoveryId, Slot, reboots_path, slot_path};
use placement::record::Block;
use placement::{
    Expects, MoveId, MoveRequest, RecordKey, Writes, block, request_move, say_of_health, unblock,
};
use server_control::RequestId;
use service::changing;
use service::live::read_set;
use settings::{DatabaseName, Layer, Layered, PopSettings, Role, ServerName};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::Recovering;
use crate::clock::unix_millis;

/// How long a service that fails its test may take to end by itself.
const SOFT: Duration = Duration::from_secs(2);
/// How long whoever starts services may take to replace one.
const REPLACED: Duration = Duration::from_secs(20);
/// How long a server that is to be restarted may take until it is down; this process goes down with it.
const DOWN: Duration = Duration::from_mins(2);
/// How long to wait for the news of what was written.
const NEWS: Duration = Duration::from_secs(1);
/// The setting that the log rung changes.
const PROTOCOL_LOG: &str = "ProtocolLogEnabled";

impl Recovering {
    /// Takes the slots, writes the intent down, acts, and writes down what came of it.
    pub(super) async fn act(
        &self,
        recovery: u64,
        rung: usize,
        act: Act,
        intent: Intent,
    ) -> Result<(), String> {
        let id = RecoveryId { server: self.means.server.clone(), number: recovery };
        let (act, token) = match intent {
            Intent::Written { token } => (act, token),
            Intent::New { slots } => {
                let mut token = None;
                for role in slots {
                    token = Some(self.take_slot(&id, role, &act).await?);
                }
                self.count_reboot(&act).await?;
                let act = self.with_what_was(act)?;
                let boot_id = self.boot_id.clone();
                self.write(Some(recovery), Event::Intended { rung, act: act.clone(), boot_id, token })
                    .await?;
                (act, token)
            }
        };
        // Whatever stops everything is looked at once more, right before.
        if self.means.data.hands_off().try_exists().unwrap_or(true) && !matches!(act, Act::Escalate { .. }) {
            return Err("hands off: the file \"hands-off\" is there".to_owned());
        }
        let failed = self.carry_out_act(&id, rung, &act, token).await.err();
        self.write(Some(recovery), Event::Acted { rung, failed }).await
    }

    async fn carry_out_act(
        &self,
        id: &RecoveryId,
        rung: usize,
        act: &Act,
        token: Option<u64>,
    ) -> Result<(), String> {
        match act {
            Act::RestartService { service } => self.replace(service).await,
            Act::MoveDatabase { database } => self.ask_for_move(id, rung, database, None).await,
            Act::FailOver { .. } => self.empty(id, token).await,
            Act::RestartServer => self.restart_server(id, rung).await,
            Act::PowerCycle { server } => {
                let request = power_request(id, rung)?;
                self.controls.cycle(server, &request).await.map_err(|error| error.to_string())
            }
            Act::ProtocolLogOn { .. } => self.protocol_log(Some("true".to_owned())).await,
            Act::ProtocolLogOff => self.protocol_log(self.log_before(id)).await,
            Act::BringOneBack { database } => {
                self.ask_for_move(id, rung, database, Some(&self.means.server)).await
            }
            Act::Return { databases } => {
                self.commit(&unblock(&self.means.server, &id.requester())).await?;
                for database in databases {
                    self.ask_for_move(id, rung, database, Some(&self.means.server)).await?;
                }
                Ok(())
            }
            Act::RunCommand { target } => Err(format!("{target} has no restart command")),
            Act::Escalate { lift_block, send_away } => {
                if *lift_block {
                    self.commit(&unblock(&self.means.server, &id.requester())).await?;
                } else if send_away.is_some() {
                    // A block moves away what was there before it.
                    self.empty(id, None).await?;
                }
                Ok(())
            }
        }
    }

    /// What a stopped recovery has blocked and switched on is as it was before.
    pub(super) async fn undo(&self, recovery: u64) -> Result<(), String> {
        let id = RecoveryId { server: self.means.server.clone(), number: recovery };
        self.commit(&unblock(&self.means.server, &id.requester())).await?;
        let log_is_on = self.ledger.read(|journal| journal.recovery(recovery).is_some_and(|it| it.log_is_on));
        if log_is_on {
            self.protocol_log(self.log_before(&id)).await?;
        }
        self.write(Some(recovery), Event::Undone).await
    }

    /// Takes the slot of a role, unless it is this recovery's; another's is never taken. Its revision is the token.
    async fn take_slot(&self, id: &RecoveryId, role: Role, act: &Act) -> Result<u64, String> {
        let path = slot_path(role);
        let key = RecordKey::Health(path.clone());
        if let Some(kept) = self.means.world.borrow().records.health.get(&path) {
            let slot = serde_json::from_value::<Slot>(kept.value.clone());
            if slot.is_ok_and(|slot| slot.recovery == *id) {
                return Ok(kept.revision);
            }
        }
        let slot = Slot { recovery: id.clone(), reason: act.to_string(), since: unix_millis() };
        let mut writes = say_of_health(path, Some(&slot));
        writes.expects.push(Expects { key, revision: None });
        match self.commit_if(&writes).await? {
            Some(token) => Ok(token),
            None => Err("another recovery has just taken the slot".to_owned()),
        }
    }

    /// Writes down, where all agents see it, that a server is restarted.
    async fn count_reboot(&self, act: &Act) -> Result<(), String> {
        let server = match act {
            Act::RestartServer => &self.means.server,
            Act::PowerCycle { server } => server,
            _ => return Ok(()),
        };
        let path = reboots_path(server);
        let (known, revision) = match self.means.world.borrow().records.health.get(&path) {
            Some(kept) => {
                (serde_json::from_value(kept.value.clone()).unwrap_or_default(), Some(kept.revision))
            }
            None => (Reboots::default(), None),
        };
        let mut writes = say_of_health(path.clone(), Some(&known.and(unix_millis())));
        writes.expects.push(Expects { key: RecordKey::Health(path), revision });
        match self.commit_if(&writes).await? {
            Some(_) => Ok(()),
            None => Err(format!("somebody else restarts {server} at this moment")),
        }
    }

    /// Gives a slot back, if it is still the one that was taken.
    pub(super) async fn release(&self, role: Role, token: u64) -> Result<(), String> {
        let path = slot_path(role);
        let mut writes = say_of_health(path.clone(), None::<&Slot>);
        writes.expects.push(Expects { key: RecordKey::Health(path), revision: Some(token) });
        self.commit_if(&writes).await.map(drop)
    }

    /// Blocks this server in the recovery's name, and has everything leave. Void if the slot is not the recovery's any more.
    async fn empty(&self, id: &RecoveryId, token: Option<u64>) -> Result<(), String> {
        let reason = format!("recovery {id} empties it");
        let mut writes =
            block(&self.means.server, &id.requester(), &Block { reason, at: unix_millis(), move_now: true });
        if let Some(token) = token {
            let key = RecordKey::Health(slot_path(Role::Mailbox));
            writes.expects.push(Expects { key, revision: Some(token) });
        }
        match self.commit_if(&writes).await? {
            Some(_) => Ok(()),
            None => Err("the slot is not this recovery's any more".to_owned()),
        }
    }

    /// Asks for a move. The id is the same however often it is asked.
    async fn ask_for_move(
        &self,
        id: &RecoveryId,
        rung: usize,
        database: &DatabaseName,
        to: Option<&ServerName>,
    ) -> Result<(), String> {
        let world = self.means.world.borrow().clone();
        let move_id =
            MoveId::parse(&format!("{}-{rung}", id.requester())).map_err(|error| error.to_string())?;
        let known = |it: &placement::record::Move| it.id == move_id;
        let is_asked = world.records.moves.get(database).is_some_and(|kept| known(&kept.value));
        if is_asked || (to.is_some() && world.mounted_on(database) == to) {
            return Ok(());
        }
        let request = MoveRequest {
            id: move_id,
            database: database.as_str(),
            to: to.map(ServerName::as_str),
            by: id.requester(),
            reason: format!("recovery {id}"),
            // Its own block is no reason not to come back; whoever else blocks the server has been looked for.
            force: to.is_some(),
            at: unix_millis(),
        };
        let (name, asked) = request_move(&world, request).map_err(|refusal| refusal.to_string())?;
        match self.commit_if(&asked.writes(&name)).await? {
            Some(_) => Ok(()),
            None => Err(format!("{database} is being moved by somebody else")),
        }
    }

    /// Ends the process of a service, softly for a moment, and has another in its place.
    async fn replace(&self, service: &str) -> Result<(), String> {
        let restart = self.controls.replace(&self.means.server, service, SOFT);
        match timeout(REPLACED, restart).await {
            Ok(done) => done.map_err(|error| error.to_string()),
            Err(_) => Err(format!("{service} was not replaced within {} s", REPLACED.as_secs())),
        }
    }

    /// Has this server restarted. This process ends by it; one that does not has failed.
    async fn restart_server(&self, id: &RecoveryId, rung: usize) -> Result<(), String> {
        let request = power_request(id, rung)?;
        self.controls.restart(&self.means.server, request).await.map_err(|error| error.to_string())?;
        sleep(DOWN).await;
        Err(format!("the server did not go down within {} s", DOWN.as_secs()))
    }

    /// The act with what it has to put back later.
    fn with_what_was(&self, act: Act) -> Result<Act, String> {
        let Act::ProtocolLogOn { .. } = act else { return Ok(act) };
        let path = self.means.data.server(self.means.server.as_str()).pop_settings();
        let stored = read_set(&path).map_err(|error| error.to_string())?;
        let row =
            Layered::<PopSettings>::new([&stored]).row(PROTOCOL_LOG).map_err(|error| error.to_string())?;
        let was = (row.origin != settings::Origin::Default).then_some(row.value);
        Ok(Act::ProtocolLogOn { was })
    }

    /// What was stored about the protocol log before a recovery changed it.
    fn log_before(&self, id: &RecoveryId) -> Option<String> {
        self.ledger.read(|journal| {
            let mut intents = journal.entries_of(id.number).filter_map(|entry| match &entry.event {
                Event::Intended { act: Act::ProtocolLogOn { was }, .. } => Some(was.clone()),
                _ => None,
            });
            intents.next().flatten()
        })
    }

    /// Stores a value, or none, for the protocol log of this server, and tells the front end.
    async fn protocol_log(&self, value: Option<String>) -> Result<(), String> {
        let folder = self.means.data.server(self.means.server.as_str());
        let done = spawn_blocking(move || {
            let wanted = |layer: &mut Layer<PopSettings>| match &value {
                Some(value) => layer.set(PROTOCOL_LOG, value),
                None => layer.clear(PROTOCOL_LOG).map(drop),
            };
            changing::change(&folder, wanted).map_err(|error| error.to_string())?;
            changing::tell(&folder, "frontend").map(drop).map_err(|error| error.to_string())
        });
        done.await.map_err(|panicked| panicked.to_string())?
    }

    async fn commit(&self, writes: &Writes) -> Result<(), String> {
        self.commit_if(writes).await.map(drop)
    }

    /// Commits, and waits a moment for the news; none if the world has changed. The revision is the token.
    async fn commit_if(&self, writes: &Writes) -> Result<Option<u64>, String> {
        let committed = commit(&*self.means.coordinator, writes, Vec::new()).await;
        let Committed::Written(Revision(written)) = committed.map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let mut worlds = self.means.world.clone();
        // It is written, whether the news comes or not.
        let _ = timeout(NEWS, worlds.wait_for(|world| world.revision >= written)).await;
        Ok(Some(written))
    }
}

/// The id by which one restart is one, however often it is asked for.
fn power_request(id: &RecoveryId, rung: usize) -> Result<RequestId, String> {
    RequestId::parse(&format!("{}-{rung}", id.requester())).map_err(|error| error.to_string())
}
