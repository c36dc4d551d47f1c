//! Looking at everything in a database: what a mount does not do.

use std::{collections::BTreeMap, fmt, path::Path};

use mailbox::{CHUNK, MailboxId, Octets, Uid, WireDecoder, WireEncoder, WireLengths};
use rusqlite::{Connection, Row};

use crate::{
    error::{DatabaseError, Severity, severity},
    place::Place,
    schema::{self, CHUNK_BITS},
};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Mailboxes looked at.
    pub mailboxes: u64,
    /// Messages looked at, those included that are yet to be removed.
    pub messages: u64,
    /// Wire bytes read and compared with their checksums.
    pub bytes: u64,
    /// What is wrong, by mailbox and uid; nothing, if the database is sound.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// In which mailbox, if it is in one.
    pub mailbox: Option<MailboxId>,
    /// With which message, if it is with one.
    pub uid: Option<Uid>,
    /// What it is.
    pub wrong: Wrong,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// SQLite finds the structure of the file damaged, and says how.
    Structure(String),
    /// The bytes of a chunk do not have its checksum.
    Checksum {
        /// Which chunk of the message.
        chunk: u32,
    },
    /// A chunk is missing.
    MissingChunk {
        /// Which chunk of the message.
        chunk: u32,
    },
    /// A chunk belongs to no message, or lies behind a message's last.
    OrphanChunk {
        /// Which chunk of the message.
        chunk: u32,
    },
    /// A chunk has another length than its place in the message demands.
    ChunkLength {
        /// Which chunk of the message.
        chunk: u32,
        /// Bytes it should have.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
    /// What is kept of a message's length is not what its bytes say.
    Lengths {
        /// By its row.
        kept: WireLengths,
        /// By its bytes.
        found: WireLengths,
    },
    /// A mailbox's count or sum is not that of its messages.
    Count {
        /// Messages and octets by the mailbox's row.
        kept: (u64, Octets),
        /// By the messages' rows.
        found: (u64, Octets),
    },
    /// A mailbox has a message above the highest uid that its row knows.
    Highest {
        /// The highest uid by the mailbox's row.
        kept: Uid,
    },
    /// The database would give this message's uid once more.
    NextUid {
        /// The uid to be given next.
        next: Uid,
    },
    /// A message belongs to no mailbox.
    NoMailbox,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mailbox) = self.mailbox {
            write!(f, "mailbox {mailbox}: ")?;
        }
        if let Some(uid) = self.uid {
            write!(f, "message {uid}: ")?;
        }
        self.wrong.fmt(f)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Structure(what) => write!(f, "{what}"),
            Self::Checksum { chunk } => write!(f, "the checksum of chunk {chunk} is wrong"),
            Self::MissingChunk { chunk } => write!(f, "chunk {chunk} is missing"),
            Self::OrphanChunk { chunk } => write!(f, "chunk {chunk} belongs to no message"),
            Self::ChunkLength { chunk, expected, found } => {
                write!(f, "chunk {chunk} has {found} bytes instead of {expected}")
            }
            Self::Lengths { kept, found } => write!(
                f,
                "octets, header and wire length are kept as {}, {} and {}, and are {}, {} and {}",
                kept.octets, kept.header, kept.wire, found.octets, found.header, found.wire
            ),
            Self::Count { kept, found } => write!(
                f,
                "{} messages with {} octets are counted, and there are {} with {}",
                kept.0, kept.1, found.0, found.1
            ),
            Self::Highest { kept } => write!(f, "its uid is above {kept}, the highest of its mailbox"),
            Self::NextUid { next } => write!(f, "its uid would be given again: the next is {next}"),
            Self::NoMailbox => write!(f, "it belongs to no mailbox"),
        }
    }
}

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckProgress {
    /// Messages looked at.
    pub done: u64,
    /// Messages in all.
    pub total: u64,
}

const CACHE: u64 = 16 << 20;

/// Checks the structure of the file, every checksum, every length and every count of the database in `directory`, as
/// it is at the moment of the call, whoever has it mounted. Nothing is changed.
pub fn check(
    directory: &Path,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<CheckReport, DatabaseError> {
    let place = Place::existing(directory)?;
    let file = place.database();
    let connection = schema::open_moment(&file, CACHE)?;
    let mut check = Check { connection: &connection, report: CheckReport::default(), progress };
    match check.run() {
        Ok(()) => {}
        // Too damaged to be read to the end: that is a finding.
        Err(error) if severity(&error) == Severity::Damaged => {
            check.found(None, None, Wrong::Structure(error.to_string()));
        }
        Err(error) => return Err(DatabaseError::sqlite("check the mailbox database", &file)(error)),
    }
    let mut report = check.report;
    report.problems.sort_by_key(|problem| (problem.mailbox, problem.uid));
    Ok(report)
}

struct Check<'a> {
    connection: &'a Connection,
    report: CheckReport,
    progress: &'a mut dyn FnMut(CheckProgress),
}

/// A mailbox's row, and what its messages add up to.
struct Tally {
    id: MailboxId,
    highest: Uid,
    kept: (u64, Octets),
    found: (u64, Octets),
}

/// A message's row.
struct Message {
    mailbox: u64,
    uid: Uid,
    stamped: bool,
    lengths: WireLengths,
}

impl Check<'_> {
    fn run(&mut self) -> rusqlite::Result<()> {
        self.structure()?;
        let mut tallies = self.tallies()?;
        let uids = self.messages(&mut tallies)?;
        self.orphans(uids)?;
        for tally in tallies.into_values() {
            if tally.kept != tally.found {
                let wrong = Wrong::Count { kept: tally.kept, found: tally.found };
                self.found(Some(tally.id), None, wrong);
            }
        }
        Ok(())
    }

    fn found(&mut self, mailbox: Option<MailboxId>, uid: Option<Uid>, wrong: Wrong) {
        self.report.problems.push(Problem { mailbox, uid, wrong });
    }

    fn structure(&mut self) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
        let lines: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for line in lines.into_iter().filter(|line| line != "ok") {
            self.found(None, None, Wrong::Structure(line));
        }
        Ok(())
    }

    fn tallies(&mut self) -> rusqlite::Result<BTreeMap<u64, Tally>> {
        let mut statement =
            self.connection.prepare("SELECT number, id, highest, messages, octets FROM mailbox")?;
        let tallies = statement.query_map([], |row| {
            let tally = Tally {
                id: MailboxId::from_bytes(row.get(1)?),
                highest: Uid::new(row.get(2)?),
                kept: (row.get(3)?, Octets::new(row.get(4)?)),
                found: (0, Octets::ZERO),
            };
            Ok((row.get(0)?, tally))
        })?;
        let tallies: BTreeMap<_, _> = tallies.collect::<Result<_, _>>()?;
        self.report.mailboxes = tallies.len() as u64;
        Ok(tallies)
    }

    /// All messages, whose uids are given back.
    fn messages(&mut self, tallies: &mut BTreeMap<u64, Tally>) -> rusqlite::Result<Vec<Uid>> {
        let connection = self.connection;
        let total = connection.query_row("SELECT count(*) FROM message", [], |row| row.get(0))?;
        let next = connection.query_row("SELECT next_uid FROM database", [], |row| row.get(0))?;
        let mut statement =
            connection.prepare("SELECT mailbox, uid, stamp, octets, header, wire FROM message")?;
        let mut uids = Vec::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let message = Message::read(row)?;
            uids.push(message.uid);
            let mut mailbox = None;
            if let Some(tally) = tallies.get_mut(&message.mailbox) {
                mailbox = Some(tally.id);
                if !message.stamped {
                    tally.found = (tally.found.0 + 1, tally.found.1 + message.lengths.octets);
                }
                if message.uid > tally.highest {
                    self.found(mailbox, Some(message.uid), Wrong::Highest { kept: tally.highest });
                }
            } else {
                self.found(None, Some(message.uid), Wrong::NoMailbox);
            }
            if message.uid.get() >= next {
                self.found(mailbox, Some(message.uid), Wrong::NextUid { next: Uid::new(next) });
            }
            self.body(mailbox, &message)?;
            self.report.messages += 1;
            (self.progress)(CheckProgress { done: self.report.messages, total });
        }
        Ok(uids)
    }

    /// Reads a message from end to end, and measures it anew.
    fn body(&mut self, mailbox: Option<MailboxId>, message: &Message) -> rusqlite::Result<()> {
        let uid = Some(message.uid);
        let wire = message.lengths.wire;
        let last = u32::try_from(wire.saturating_sub(1) / CHUNK as u64).unwrap_or(u32::MAX);
        let mut next = 0;
        let mut measure = Measure::default();
        let before = self.report.problems.len();

        let connection = self.connection;
        let mut statement = connection.prepare_cached(
            "SELECT place, crc, body FROM chunk WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
        )?;
        let last_place = schema::chunk_place(message.uid, (1 << CHUNK_BITS) - 1);
        let mut rows = statement.query([schema::chunk_place(message.uid, 0), last_place])?;
        while let Some(row) = rows.next()? {
            let chunk = index(row.get(0)?);
            if chunk > last {
                self.found(mailbox, uid, Wrong::OrphanChunk { chunk });
                continue;
            }
            for chunk in next..chunk {
                self.found(mailbox, uid, Wrong::MissingChunk { chunk });
            }
            next = chunk + 1;
            let body = row.get_ref(2)?.as_blob()?;
            if crc32c::crc32c(body) != row.get::<_, u32>(1)? {
                self.found(mailbox, uid, Wrong::Checksum { chunk });
            }
            let expected = (wire - u64::from(chunk) * CHUNK as u64).min(CHUNK as u64);
            if body.len() as u64 != expected {
                let wrong = Wrong::ChunkLength { chunk, expected, found: body.len() as u64 };
                self.found(mailbox, uid, wrong);
            }
            measure.take(body);
            self.report.bytes += body.len() as u64;
        }
        for chunk in next..=last {
            self.found(mailbox, uid, Wrong::MissingChunk { chunk });
        }
        let sound = self.report.problems.len() == before;
        let found = measure.lengths();
        if sound && found != message.lengths {
            self.found(mailbox, uid, Wrong::Lengths { kept: message.lengths, found });
        }
        Ok(())
    }

    /// Chunks that lie between those of the messages.
    fn orphans(&mut self, mut uids: Vec<Uid>) -> rusqlite::Result<()> {
        uids.sort_unstable();
        let connection = self.connection;
        let mut chunks = connection.prepare("SELECT place FROM chunk WHERE place >= ?1 AND place < ?2")?;
        let end = i64::MAX.unsigned_abs();
        let mut free = 0;
        for next in uids.into_iter().map(|uid| schema::chunk_place(uid, 0)).chain([end]) {
            if free < next {
                let orphans: Vec<u64> =
                    chunks.query_map([free, next], |row| row.get(0))?.collect::<Result<_, _>>()?;
                for place in orphans {
                    let uid = Uid::new(place >> CHUNK_BITS);
                    self.found(None, Some(uid), Wrong::OrphanChunk { chunk: index(place) });
                }
            }
            free = next.saturating_add(1 << CHUNK_BITS);
        }
        Ok(())
    }
}

/// The index of the chunk that lies at `place`.
fn index(place: u64) -> u32 {
    let mask = (1_u64 << CHUNK_BITS) - 1;
    u32::try_from(place & mask).unwrap_or(u32::MAX)
}

impl Message {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            mailbox: row.get(0)?,
            uid: Uid::new(row.get(1)?),
            stamped: row.get::<_, u64>(2)? != 0,
            lengths: WireLengths { octets: Octets::new(row.get(3)?), header: row.get(4)?, wire: row.get(5)? },
        })
    }
}

/// Measures a stored message by taking it out of its wire form and putting it into it again.
#[derive(Default)]
struct Measure {
    decoder: WireDecoder,
    encoder: WireEncoder,
    raw: Vec<u8>,
    wire: Vec<u8>,
}

impl Measure {
    fn take(&mut self, wire: &[u8]) {
        self.raw.clear();
        self.wire.clear();
        self.decoder.decode(wire, &mut self.raw);
        self.encoder.encode(&self.raw, &mut self.wire);
    }

    fn lengths(mut self) -> WireLengths {
        self.encoder.finish(&mut self.wire)
    }
}
