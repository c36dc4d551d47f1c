//! All records of placement as the coordinator holds them: what a watch keeps up to date and the plan reads.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use settings::{DatabaseName, ServerName};

use crate::key::{HealthPath, KeyError, RecordKey};
use crate::name::{Component, Requester};
use crate::record::{
    Assignment, Block, ComponentRequest, FinishedMove, Leader, Maintenance, MountReport, Move, PendingFence,
    Presence,
};

/// A record with the coordinator's revision that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<T> {
    /// The record.
    pub value: T,
    /// The revision of its last change, which a replacement has to name.
    pub revision: u64,
}

/// Why a key and value could not be taken for a record. The writer's fault; the same text is refused again.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The key is none of ours.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The value is not the record that belongs under the key. The former value, if any, is forgotten: every
    /// replacement names a revision, so that nothing is overwritten by mistake.
    #[error("the record {key} cannot be read")]
    Value {
        /// The key.
        key: RecordKey,
        /// What is wrong with the value.
        source: serde_json::Error,
    },
}

/// All records, by what they are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Where each database is served.
    pub assignments: BTreeMap<DatabaseName, Kept<Assignment>>,
    /// Holders that did not let go.
    pub fences: BTreeMap<(DatabaseName, ServerName), Kept<PendingFence>>,
    /// What back ends do with databases.
    pub mounts: BTreeMap<(DatabaseName, ServerName), Kept<MountReport>>,
    /// Servers whose agents are there.
    pub agents: BTreeMap<ServerName, Kept<Presence>>,
    /// The agent that leads.
    pub leader: Option<Kept<Leader>>,
    /// Moves without an outcome.
    pub moves: BTreeMap<DatabaseName, Kept<Move>>,
    /// The last move of each database that has one.
    pub finished_moves: BTreeMap<DatabaseName, Kept<FinishedMove>>,
    /// Who blocks which server.
    pub blocks: BTreeMap<(ServerName, Requester), Kept<Block>>,
    /// Who wants what of which component.
    pub components: BTreeMap<(ServerName, Component, Requester), Kept<ComponentRequest>>,
    /// Servers being worked on.
    pub maintenance: BTreeMap<ServerName, Kept<Maintenance>>,
    /// What operators say about health, as it was written.
    pub health: BTreeMap<HealthPath, Kept<serde_json::Value>>,
}

impl Records {
    /// Takes what a listing or a watch tells: the value that is now under `key`, and the revision that wrote it.
    pub fn put(&mut self, key: &str, revision: u64, value: &[u8]) -> Result<(), RecordError> {
        let key = RecordKey::parse(key)?;
        self.take_out(&key);
        read(value)
            .and_then(|json| self.insert(key.clone(), json, revision))
            .map_err(|source| RecordError::Value { key, source })
    }

    /// Takes what a watch tells: nothing is under `key` any more.
    pub fn remove(&mut self, key: &str) -> Result<(), RecordError> {
        self.take_out(&RecordKey::parse(key)?);
        Ok(())
    }

    fn insert(
        &mut self,
        key: RecordKey,
        json: serde_json::Value,
        revision: u64,
    ) -> Result<(), serde_json::Error> {
        match key {
            RecordKey::Assignment(of) => drop(self.assignments.insert(of, kept(json, revision)?)),
            RecordKey::Fence(of, on) => drop(self.fences.insert((of, on), kept(json, revision)?)),
            RecordKey::Mount(of, on) => drop(self.mounts.insert((of, on), kept(json, revision)?)),
            RecordKey::Agent(of) => drop(self.agents.insert(of, kept(json, revision)?)),
            RecordKey::Leader => self.leader = Some(kept(json, revision)?),
            RecordKey::Move(of) => drop(self.moves.insert(of, kept(json, revision)?)),
            RecordKey::FinishedMove(of) => drop(self.finished_moves.insert(of, kept(json, revision)?)),
            RecordKey::Block(of, by) => drop(self.blocks.insert((of, by), kept(json, revision)?)),
            RecordKey::Component(of, component, by) => {
                drop(self.components.insert((of, component, by), kept(json, revision)?));
            }
            RecordKey::Maintenance(of) => drop(self.maintenance.insert(of, kept(json, revision)?)),
            RecordKey::Health(path) => drop(self.health.insert(path, Kept { value: json, revision })),
        }
        Ok(())
    }

    fn take_out(&mut self, key: &RecordKey) {
        match key {
            RecordKey::Assignment(of) => drop(self.assignments.remove(of)),
            RecordKey::Fence(of, on) => drop(self.fences.remove(&(of.clone(), on.clone()))),
            RecordKey::Mount(of, on) => drop(self.mounts.remove(&(of.clone(), on.clone()))),
            RecordKey::Agent(of) => drop(self.agents.remove(of)),
            RecordKey::Leader => self.leader = None,
            RecordKey::Move(of) => drop(self.moves.remove(of)),
            RecordKey::FinishedMove(of) => drop(self.finished_moves.remove(of)),
            RecordKey::Block(of, by) => drop(self.blocks.remove(&(of.clone(), by.clone()))),
            RecordKey::Component(of, component, by) => {
                drop(self.components.remove(&(of.clone(), component.clone(), by.clone())));
            }
            RecordKey::Maintenance(of) => drop(self.maintenance.remove(of)),
            RecordKey::Health(path) => drop(self.health.remove(path)),
        }
    }

    /// The report of `server`'s back end on `database`.
    pub fn report(&self, database: &DatabaseName, server: &ServerName) -> Option<&MountReport> {
        self.mounts.get(&(database.clone(), server.clone())).map(|kept| &kept.value)
    }

    /// The holders of `database` that are still to be fenced.
    pub fn fences_of<'a>(
        &'a self,
        database: &'a DatabaseName,
    ) -> impl Iterator<Item = &'a Kept<PendingFence>> {
        self.fences.iter().filter(move |((of, _), _)| of == database).map(|(_, fence)| fence)
    }

    /// Who blocks `server`, and how.
    pub fn blocks_of<'a>(
        &'a self,
        server: &'a ServerName,
    ) -> impl Iterator<Item = (&'a Requester, &'a Kept<Block>)> {
        self.blocks.iter().filter(move |((of, _), _)| of == server).map(|((_, by), block)| (by, block))
    }
}

fn read(value: &[u8]) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_slice(value)
}

fn kept<T: DeserializeOwned>(json: serde_json::Value, revision: u64) -> Result<Kept<T>, serde_json::Error> {
    Ok(Kept { value: serde_json::from_value(json)?, revision })
}
