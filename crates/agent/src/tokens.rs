//! The tokens that let people and programs in over the network, and the file that knows them.
//!
//! A line for each: a name, a role, the SHA-256 of the token in hexadecimal and, if it has one, the end of its life. The
//! token itself is nowhere. Agents read the file at every use, so that a line added or taken out counts at once; a line that
//! is not understood lets nobody in. Lines that begin with `#` are remarks, and are kept when the file is changed.

use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use admin_api::{Caller, Kind, Problem, Role};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What every token begins with, so that whoever finds one knows what it is.
const PREFIX: &str = "mm_";
/// The octets of chance in a token.
const CHANCE: usize = 32;
/// The longest name of a token.
const LONGEST_NAME: usize = 64;

/// The file of the tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFile(PathBuf);

/// What a line of the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose token it is: what records and audit logs call whoever shows it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// When its life ends, if ever.
    pub expires: Option<Timestamp>,
    /// The SHA-256 of the token, in lower-case hexadecimal.
    digest: String,
}

/// A line that is not understood. Whoever wrote it must change it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {number} lets nobody in: {why}")]
pub struct BrokenLine {
    /// Its number, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub why: String,
}

/// The name of a token that can stand in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenName(String);

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a name of letters, digits and any of . _ - @, at most {LONGEST_NAME}, such as backup or ann@example.com"
)]
pub struct NotAName;

/// The file cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is a token of that name: the asker's fault.
    #[error("{name} has a token already")]
    Taken {
        /// The name.
        name: String,
    },
    /// The file or its folder cannot be read or written.
    #[error("cannot {operation} {}", path.display())]
    Files {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The machine gives no random octets.
    #[error("no token can be made without chance: {0}")]
    Chance(getrandom::Error),
}

impl TokenName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, NotAName> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-@".contains(letter);
        let good = (1..=LONGEST_NAME).contains(&text.len()) && text.chars().all(fits);
        if good { Ok(Self(text.to_owned())) } else { Err(NotAName) }
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TokenFile {
    /// The file at `path`; it need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Every line that lets somebody in, and those that are not understood.
    pub fn read(&self) -> Result<(Vec<Entry>, Vec<BrokenLine>), ChangeError> {
        let text = self.text().map_err(failed("read", &self.0))?;
        let (mut entries, mut broken) = (Vec::new(), Vec::new());
        for line in lines(&text) {
            match line {
                Ok(entry) => entries.push(entry),
                Err(line) => broken.push(line),
            }
        }
        Ok((entries, broken))
    }

    /// Makes a token and writes its line; with `replace`, in the place of those of the same name. The token is returned and
    /// known nowhere else.
    pub fn add(
        &self,
        name: &TokenName,
        role: Role,
        expires: Option<Timestamp>,
        replace: bool,
    ) -> Result<String, ChangeError> {
        let mut chance = [0; CHANCE];
        getrandom::fill(&mut chance).map_err(ChangeError::Chance)?;
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(chance));
        let mut line = format!("{name} {} {}", role.word(), digest(&token));
        if let Some(expires) = expires {
            // Writing into a string does not fail.
            let _ = write!(line, " {expires}");
        }
        self.change(|text| {
            let mut kept = without(text, &name.0);
            if !replace && kept != complete(text) {
                return Err(ChangeError::Taken { name: name.0.clone() });
            }
            kept.push_str(&line);
            kept.push('\n');
            Ok(kept)
        })?;
        Ok(token)
    }

    /// Takes out the lines of a name. Whether there were any.
    pub fn remove(&self, name: &str) -> Result<bool, ChangeError> {
        let mut found = false;
        self.change(|text| {
            let kept = without(text, name);
            found = kept != complete(text);
            Ok(kept)
        })?;
        Ok(found)
    }

    /// Whom `token` lets in at the time `now`.
    pub(crate) fn caller(&self, token: &str, now: Timestamp) -> Result<Caller, Problem> {
        let text = self.text().map_err(|error| {
            tracing::error!(%error, path = %self.0.display(), "the tokens cannot be read");
            Problem::new(Kind::Unavailable, "tokens cannot be checked at this moment")
        })?;
        let unknown = || Problem::new(Kind::Unauthenticated, "this token is not one of those that let in");
        let entry = find(&text, token).ok_or_else(unknown)?;
        match entry.expires {
            Some(expires) if expires <= now => {
                let why = format!("the life of the token of {} ended at {expires}", entry.name);
                Err(Problem::new(Kind::Unauthenticated, why))
            }
            _ => Ok(Caller { name: entry.name, role: entry.role }),
        }
    }

    /// What the file holds; one that is not there holds nothing.
    fn text(&self) -> io::Result<String> {
        match fs::read_to_string(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            text => text,
        }
    }

    /// Changes the file, whole or not at all. Of two who change it at the same time one waits.
    fn change(&self, new: impl FnOnce(&str) -> Result<String, ChangeError>) -> Result<(), ChangeError> {
        let parent = self.0.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let folder = File::open(parent).map_err(failed("open", parent))?;
        // The folder is locked and not the file, which is another one after a change.
        folder.lock().map_err(failed("lock", parent))?;
        let text = self.text().map_err(failed("read", &self.0))?;
        let new = new(&text)?;
        if new == text {
            return Ok(());
        }
        self.write(&new, &folder).map_err(failed("write", &self.0))
    }

    fn write(&self, text: &str, folder: &File) -> io::Result<()> {
        let mut beside = self.0.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        // Left behind by a process that died here.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &self.0)?;
        folder.sync_all()
    }
}

/// The line of a token. All lines are compared, so that the time tells nothing about which is right.
fn find(text: &str, token: &str) -> Option<Entry> {
    let shown = digest(token);
    let mut found = None;
    for line in lines(text) {
        match line {
            Ok(entry) if bool::from(entry.digest.as_bytes().ct_eq(shown.as_bytes())) => found = Some(entry),
            Ok(_) => {}
            Err(broken) => tracing::warn!(%broken, "the token file has a mistake"),
        }
    }
    found
}

/// The lines of a file that are no remarks.
fn lines(text: &str) -> impl Iterator<Item = Result<Entry, BrokenLine>> {
    let numbered = text.lines().map(str::trim).zip(1..);
    let meant = numbered.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    meant.map(|(line, number)| entry(line).map_err(|why| BrokenLine { number, why }))
}

fn entry(line: &str) -> Result<Entry, String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let ([name, role, digest], expires) = match words[..] {
        [name, role, digest] => ([name, role, digest], None),
        [name, role, digest, expires] => ([name, role, digest], Some(expires)),
        _ => return Err("it is not a name, a role, a digest and perhaps the end of its life".to_owned()),
    };
    let role = Role::named(role).ok_or_else(|| format!("there is no role {role:?}"))?;
    if digest.len() != 2 * <Sha256 as Digest>::output_size()
        || !digest.bytes().all(|octet| octet.is_ascii_hexdigit())
    {
        return Err("its third word is not a SHA-256 in hexadecimal".to_owned());
    }
    let expires = expires.map(str::parse).transpose();
    let expires = expires.map_err(|_| "its fourth word is not a time such as 2027-01-31T12:00:00Z")?;
    Ok(Entry { name: name.to_owned(), role, expires, digest: digest.to_ascii_lowercase() })
}

/// The text without the lines of a name, whether they are understood or not.
fn without(text: &str, name: &str) -> String {
    let kept = text.lines().filter(|line| line.split_whitespace().next() != Some(name));
    kept.flat_map(|line| [line, "\n"]).collect()
}

/// The text as lines that all end.
fn complete(text: &str) -> String {
    text.lines().flat_map(|line| [line, "\n"]).collect()
}

/// The SHA-256 of a token, in lower-case hexadecimal.
fn digest(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().fold(String::new(), |mut text, octet| {
        // Writing into a string does not fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ChangeError {
    let path = path.to_owned();
    move |source| ChangeError::Files { operation, path, source }
}

#[cfg(test)]
mod tests;
