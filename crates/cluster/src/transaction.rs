//! A decision as a transaction.

use bytes::Bytes;
use coordinator::{Change, Compare, Coordinator, CoordinatorError, Key, Revision, Txn};
use placement::{Expects, RecordKey, Writes};

/// What became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It was written, at this revision.
    Written(Revision),
    /// The world had changed: nothing was written.
    Void,
}

/// Writes a decision if what it expects still holds, and `also`.
pub async fn commit(
    coordinator: &dyn Coordinator,
    writes: &Writes,
    also: Vec<Compare>,
) -> Result<Committed, CoordinatorError> {
    let mut compares = also;
    compares.extend(writes.expects.iter().map(compare));
    let puts = writes.puts.iter().map(|(key, json)| Change::Put {
        key: key_of(key),
        value: Bytes::copy_from_slice(json.as_bytes()),
        lease: None,
    });
    let deletes = writes.deletes.iter().map(|key| Change::Delete(key_of(key)));
    let then = puts.chain(deletes).collect();
    let outcome = coordinator.txn(Txn { compares, then, otherwise: Vec::new() }).await?;
    Ok(if outcome.succeeded { Committed::Written(outcome.revision) } else { Committed::Void })
}

fn compare(expects: &Expects) -> Compare {
    let key = key_of(&expects.key);
    expects
        .revision
        .map_or(Compare::Absent(key.clone()), |revision| Compare::Modified(key, Revision(revision)))
}

/// The key of a record as the coordinator takes it.
pub fn key_of(key: &RecordKey) -> Key {
    Key::new(&key.to_string()).expect("names in keys are short and of letters, digits and hyphens")
}
