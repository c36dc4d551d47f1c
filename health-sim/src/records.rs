//! The coordinator: records with revisions, changed by transactions that compare.

use std::collections::BTreeMap;

use placement::{RecordKey, World, Writes};
use serde_json::Value;

/// The coordinator, and the world by it.
pub(crate) struct Records {
    /// Of every agent: in this fleet news is everywhere at once.
    pub(crate) world: World,
    revisions: BTreeMap<String, u64>,
    last: u64,
}

impl Records {
    pub(crate) fn new(world: World) -> Self {
        Self { world, revisions: BTreeMap::new(), last: 0 }
    }

    /// Writes what is to be written, if everything compared holds. Tells the revision.
    pub(crate) fn commit(&mut self, writes: &Writes) -> Option<u64> {
        let holds =
            writes.expects.iter().all(|it| self.revisions.get(&it.key.to_string()).copied() == it.revision);
        if !holds {
            return None;
        }
        self.last += 1;
        for (key, json) in &writes.puts {
            self.insert(key, json.as_bytes());
        }
        for key in &writes.deletes {
            let key = key.to_string();
            self.revisions.remove(&key);
            self.world.records.remove(&key).expect("the key is of ours");
        }
        self.world.revision = self.last;
        Some(self.last)
    }

    /// Writes one record, whatever stood there.
    pub(crate) fn put(&mut self, key: &RecordKey, value: &Value) {
        self.last += 1;
        self.insert(key, value.to_string().as_bytes());
        self.world.revision = self.last;
    }

    /// Removes one record, if there is one.
    pub(crate) fn delete(&mut self, key: &RecordKey) {
        if self.revisions.remove(&key.to_string()).is_some() {
            self.last += 1;
            self.world.records.remove(&key.to_string()).expect("the key is of ours");
            self.world.revision = self.last;
        }
    }

    fn insert(&mut self, key: &RecordKey, json: &[u8]) {
        let key = key.to_string();
        self.world.records.put(&key, self.last, json).expect("the record is of ours");
        self.revisions.insert(key, self.last);
    }
}
