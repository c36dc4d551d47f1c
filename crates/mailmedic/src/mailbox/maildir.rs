//! A mailbox written as a Maildir: <https://cr.yp.to/proto/maildir.html>, with the size in the name as Maildir++ has it.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use ::mailbox::{MailboxError, MailboxId, WireDecoder};
use mailbox_sqlite::{Archive, ArchivedMessage};
use shell::{Failure, Outcome};

use crate::site::database_failure;

/// What an export did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Exported {
    pub(super) written: u64,
    /// There from an earlier export.
    pub(super) passed_over: u64,
    /// Messages by their unique-id, and why each could not be read.
    pub(super) unreadable: Vec<(String, String)>,
}

/// Why a message was not written.
enum Miss {
    /// It cannot be read.
    Unreadable(MailboxError),
    /// The Maildir cannot be written, which ends the export.
    Unwritable(io::Error),
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Self {
        Self::Unwritable(error)
    }
}

/// Writes every message of the mailbox that is not there yet. When it returns, all of them are durable.
pub(super) fn export(archive: &Archive, mailbox: &MailboxId, to: &Path) -> Outcome<Exported> {
    let cannot =
        |error: io::Error| Failure::failed(format!("cannot write the Maildir {}: {error}", to.display()));
    let maildir = Maildir::open(to).map_err(cannot)?;
    let mut exported = Exported::default();
    for message in archive.messages(mailbox).map_err(|error| database_failure(&error))? {
        if maildir.has(&message) {
            exported.passed_over += 1;
            continue;
        }
        match maildir.write(&message, |index| archive.chunk(mailbox, &message.entry, index)) {
            Ok(()) => exported.written += 1,
            Err(Miss::Unwritable(error)) => return Err(cannot(error)),
            Err(Miss::Unreadable(error)) => {
                exported.unreadable.push((message.entry.uidl.to_string(), shell::chain(&error)));
            }
        }
    }
    maildir.sync().map_err(cannot)?;
    Ok(exported)
}

struct Maildir {
    folder: PathBuf,
    host: String,
    /// The names of the messages that are there, up to the comma.
    present: HashSet<String>,
}

impl Maildir {
    fn open(folder: &Path) -> io::Result<Self> {
        for name in ["tmp", "new", "cur"] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder.join(name))?;
        }
        let mut present = HashSet::new();
        for name in ["new", "cur"] {
            for entry in fs::read_dir(folder.join(name))? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                // Readers add flags behind a colon, and Maildir++ sizes behind a comma.
                present.insert(name.split([',', ':']).next().unwrap_or_default().to_owned());
            }
        }
        Ok(Self { folder: folder.to_owned(), host: host(), present })
    }

    fn has(&self, message: &ArchivedMessage) -> bool {
        self.present.contains(&self.base(message))
    }

    /// A name that no other message of the mailbox has, and that is the same at every export.
    fn base(&self, message: &ArchivedMessage) -> String {
        format!("{}.{}.{}", message.received.0, harmless(&message.entry.uidl.to_string()), self.host)
    }

    fn write<B: AsRef<[u8]>>(
        &self,
        message: &ArchivedMessage,
        chunk: impl Fn(u32) -> Result<B, MailboxError>,
    ) -> Result<(), Miss> {
        let base = self.base(message);
        let unfinished = self.folder.join("tmp").join(&base);
        let size = Self::fill(&unfinished, message, chunk).inspect_err(|_| {
            // What is left in tmp is nobody's mail; readers clear it after a while.
            let _ = fs::remove_file(&unfinished);
        })?;
        fs::rename(&unfinished, self.folder.join("new").join(format!("{base},S={size}")))?;
        Ok(())
    }

    /// Writes the message, durably, and returns its size in the file.
    fn fill<B: AsRef<[u8]>>(
        file: &Path,
        message: &ArchivedMessage,
        chunk: impl Fn(u32) -> Result<B, MailboxError>,
    ) -> Result<u64, Miss> {
        let open = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(file)?;
        let mut out = BufWriter::new(open);
        let (mut decoder, mut lines) = (WireDecoder::new(), UnixLines::default());
        let (mut raw, mut text, mut size) = (Vec::new(), Vec::new(), 0);
        for index in 0..message.entry.chunks() {
            let wire = chunk(index).map_err(Miss::Unreadable)?;
            raw.clear();
            text.clear();
            decoder.decode(wire.as_ref(), &mut raw);
            lines.convert(&raw, &mut text);
            size += text.len() as u64;
            out.write_all(&text)?;
        }
        size += u64::from(lines.pending);
        lines.finish(&mut out)?;
        let open = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        open.set_modified(UNIX_EPOCH + Duration::from_secs(message.received.0))?;
        open.sync_all()?;
        Ok(size)
    }

    fn sync(&self) -> io::Result<()> {
        for folder in [self.folder.join("new"), self.folder.clone()] {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

/// CRLF to LF, as files on Unix have it; a CR by itself stays.
#[derive(Debug, Default)]
struct UnixLines {
    /// A CR whose LF may come.
    pending: bool,
}

impl UnixLines {
    fn convert(&mut self, raw: &[u8], text: &mut Vec<u8>) {
        for octet in raw {
            if self.pending && *octet != b'\n' {
                text.push(b'\r');
            }
            self.pending = *octet == b'\r';
            if !self.pending {
                text.push(*octet);
            }
        }
    }

    fn finish(&self, out: &mut impl Write) -> io::Result<()> {
        if self.pending { out.write_all(b"\r") } else { Ok(()) }
    }
}

/// What may stand in a name of a Maildir: everything else becomes `=` and two hexadecimal digits.
fn harmless(text: &str) -> String {
    let mut name = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_".contains(&octet) {
            name.push(char::from(octet));
        } else {
            // Writing into a string does not fail.
            let _ = write!(name, "={octet:02X}");
        }
    }
    name
}

fn host() -> String {
    harmless(&rustix::system::uname().nodename().to_string_lossy())
}

#[cfg(test)]
mod tests;
