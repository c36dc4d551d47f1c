//! The gateway's JSON: 64-bit integers are text, octets are base64, and what is zero or empty is left out.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Change, Compare, Entry, Key, KeyError, LeaseId, Prefix, Revision, Txn, WatchEvent, octets_text};

/// Where our keys lie in etcd.
#[derive(Clone, Debug)]
pub(super) struct Namespace {
    keys: String,
    epoch: String,
}

/// Why something that etcd holds is none of ours.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stranger {
    #[error("there is an entry without our prefix")]
    Prefix,
    #[error("there is an entry whose key is not ours")]
    Key(#[from] KeyError),
    #[error("the epoch is not a number")]
    Epoch,
}

impl Namespace {
    pub(super) fn new(prefix: &Prefix) -> Self {
        Self { keys: format!("{prefix}keys/"), epoch: format!("{prefix}epoch") }
    }

    /// All keys of a part of the store, from the first to before the last.
    pub(super) fn range(&self, prefix: &Prefix) -> (Bytes, Bytes) {
        let from = format!("{}{prefix}", self.keys).into_bytes();
        let mut to = from.clone();
        if let Some(slash) = to.last_mut() {
            *slash += 1; // `0`, which follows `/`.
        }
        (from.into(), to.into())
    }

    fn key(&self, key: &Key) -> Bytes {
        format!("{}{key}", self.keys).into_bytes().into()
    }

    /// Reads the epoch, and then a part of the store.
    pub(super) fn reading(&self, prefix: Option<&Prefix>) -> TxnRequest {
        let epoch = Range { key: self.epoch.clone().into_bytes().into(), range_end: Bytes::new() };
        let part = prefix.map(|prefix| self.range(prefix)).map(|(key, range_end)| Range { key, range_end });
        let success = std::iter::once(epoch).chain(part).map(Operation::Read).collect();
        TxnRequest { compare: Vec::new(), success, failure: Vec::new() }
    }

    /// Makes the epoch if there is none.
    pub(super) fn make_epoch(&self, epoch: u64) -> TxnRequest {
        let key = Bytes::from(self.epoch.clone().into_bytes());
        let value = Bytes::from(epoch.to_string().into_bytes());
        TxnRequest {
            compare: vec![Comparison { key: key.clone(), result: "EQUAL", target: Target::Version("0") }],
            success: vec![Operation::Put { key, value, lease: 0 }],
            failure: Vec::new(),
        }
    }

    pub(super) fn txn(&self, txn: &Txn) -> TxnRequest {
        let comparison = |compare: &Compare| {
            let (result, target) = match compare {
                Compare::Absent(_) => ("EQUAL", Target::Version("0")),
                Compare::Present(_) => ("GREATER", Target::Version("0")),
                Compare::Modified(_, revision) => ("EQUAL", Target::Mod(revision.0)),
                Compare::Value(_, value) => ("EQUAL", Target::Value(value.clone())),
            };
            Comparison { key: self.key(compare.key()), result, target }
        };
        let operation = |change: &Change| match change {
            Change::Put { key, value, lease } => Operation::Put {
                key: self.key(key),
                value: value.clone(),
                lease: lease.map_or(0, |lease| lease.0),
            },
            Change::Delete(key) => Operation::Delete(Range { key: self.key(key), range_end: Bytes::new() }),
            Change::DeletePrefix(prefix) => {
                let (key, range_end) = self.range(prefix);
                Operation::Delete(Range { key, range_end })
            }
        };
        let read = |key: &Key| Operation::Read(Range { key: self.key(key), range_end: Bytes::new() });
        TxnRequest {
            compare: txn.compares.iter().map(comparison).collect(),
            success: txn.then.iter().map(operation).collect(),
            failure: txn.otherwise.iter().map(read).collect(),
        }
    }

    pub(super) fn entry(&self, kv: KeyValue) -> Result<Entry, Stranger> {
        Ok(Entry {
            key: self.name(&kv.key)?,
            value: kv.value,
            created: Revision(kv.create_revision),
            modified: Revision(kv.mod_revision),
            lease: Some(kv.lease).filter(|lease| *lease != 0).map(LeaseId),
        })
    }

    pub(super) fn event(&self, event: Event) -> Result<WatchEvent, Stranger> {
        if event.kind == "DELETE" {
            let revision = Revision(event.kv.mod_revision);
            return Ok(WatchEvent::Deleted { key: self.name(&event.kv.key)?, revision });
        }
        self.entry(event.kv).map(WatchEvent::Put)
    }

    fn name(&self, key: &[u8]) -> Result<Key, Stranger> {
        let text = std::str::from_utf8(key).map_err(|_| Stranger::Prefix)?;
        Ok(Key::new(text.strip_prefix(&self.keys).ok_or(Stranger::Prefix)?)?)
    }
}

#[derive(Debug, Serialize)]
pub(super) struct TxnRequest {
    compare: Vec<Comparison>,
    success: Vec<Operation>,
    failure: Vec<Operation>,
}

#[derive(Debug, Serialize)]
struct Comparison {
    #[serde(with = "octets_text")]
    key: Bytes,
    result: &'static str,
    #[serde(flatten)]
    target: Target,
}

#[derive(Debug)]
enum Target {
    Version(&'static str),
    Mod(u64),
    Value(Bytes),
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (target, name, value) = match self {
            Self::Version(version) => ("VERSION", "version", (*version).to_owned()),
            Self::Mod(revision) => ("MOD", "mod_revision", revision.to_string()),
            Self::Value(value) => ("VALUE", "value", octets_text::encode(value)),
        };
        serializer.collect_map([("target", target), (name, &value)])
    }
}

#[derive(Debug, Serialize)]
enum Operation {
    #[serde(rename = "request_range")]
    Read(Range),
    #[serde(rename = "request_put")]
    Put {
        #[serde(with = "octets_text")]
        key: Bytes,
        #[serde(with = "octets_text")]
        value: Bytes,
        #[serde(serialize_with = "as_text")]
        lease: u64,
    },
    #[serde(rename = "request_delete_range")]
    Delete(Range),
}

/// One key, or all from `key` to before `range_end`.
#[derive(Debug, Serialize)]
struct Range {
    #[serde(with = "octets_text")]
    key: Bytes,
    #[serde(with = "octets_text", skip_serializing_if = "Bytes::is_empty")]
    range_end: Bytes,
}

#[derive(Debug, Serialize)]
pub(super) struct GrantRequest {
    #[serde(rename = "TTL", serialize_with = "as_text")]
    pub(super) ttl: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct KeepAliveRequest {
    #[serde(rename = "ID", serialize_with = "as_text")]
    pub(super) id: u64,
}

/// The same, but for what it does.
pub(super) type RevokeRequest = KeepAliveRequest;

#[derive(Debug, Serialize)]
pub(super) struct WatchRequest {
    create_request: CreateWatch,
}

#[derive(Debug, Serialize)]
struct CreateWatch {
    #[serde(with = "octets_text")]
    key: Bytes,
    #[serde(with = "octets_text")]
    range_end: Bytes,
    #[serde(serialize_with = "as_text")]
    start_revision: u64,
}

impl WatchRequest {
    pub(super) fn new((key, range_end): (Bytes, Bytes), start_revision: u64) -> Self {
        Self { create_request: CreateWatch { key, range_end, start_revision } }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Header {
    #[serde(default, deserialize_with = "from_text")]
    pub(super) revision: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct TxnAnswer {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) succeeded: bool,
    #[serde(default)]
    pub(super) responses: Vec<OperationAnswer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OperationAnswer {
    pub(super) response_range: Option<RangeAnswer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RangeAnswer {
    #[serde(default)]
    pub(super) kvs: Vec<KeyValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct KeyValue {
    #[serde(with = "octets_text")]
    key: Bytes,
    #[serde(default, with = "octets_text")]
    value: Bytes,
    #[serde(default, deserialize_with = "from_text")]
    create_revision: u64,
    #[serde(default, deserialize_with = "from_text")]
    mod_revision: u64,
    #[serde(default, deserialize_with = "from_text")]
    lease: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Granted {
    #[serde(rename = "ID", deserialize_with = "from_text")]
    pub(super) id: u64,
    #[serde(rename = "TTL", deserialize_with = "from_text")]
    pub(super) ttl: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct KeepAliveAnswer {
    pub(super) result: KeptAlive,
}

#[derive(Debug, Deserialize)]
pub(super) struct KeptAlive {
    /// 0 when the lease is gone.
    #[serde(default, rename = "TTL", deserialize_with = "from_text")]
    pub(super) ttl: u64,
}

/// An answer of which nothing matters but that it came.
#[derive(Debug, Deserialize)]
pub(super) struct Empty {}

impl KeyValue {
    /// The epoch, of the entry that has it.
    pub(super) fn epoch(&self) -> Result<u64, Stranger> {
        let text = std::str::from_utf8(&self.value).map_err(|_| Stranger::Epoch)?;
        text.parse().map_err(|_| Stranger::Epoch)
    }
}

/// One line of a watch.
#[derive(Debug, Deserialize)]
pub(super) struct WatchLine {
    pub(super) result: Option<WatchAnswer>,
    pub(super) error: Option<ErrorBody>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WatchAnswer {
    #[serde(default)]
    pub(super) created: bool,
    #[serde(default)]
    pub(super) canceled: bool,
    #[serde(default)]
    pub(super) cancel_reason: String,
    #[serde(default, deserialize_with = "from_text")]
    pub(super) compact_revision: u64,
    #[serde(default)]
    pub(super) events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(default, rename = "type")]
    kind: String,
    kv: KeyValue,
}

/// What is said in place of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default)]
    pub(super) message: String,
    /// A status code of gRPC.
    #[serde(default, alias = "grpc_code")]
    pub(super) code: u32,
}

/// The same within a stream.
#[derive(Debug, Deserialize)]
pub(super) struct Wrapped {
    pub(super) error: ErrorBody,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn as_text<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
