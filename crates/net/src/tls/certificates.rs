//! The certificates shown to clients, each chosen by the name the client asks for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::files::{CertificateFiles, Look};
use super::{CertificateError, Leaf};

/// Certificates by name: the exact name first, then a wildcard for the first label (RFC 6125 §6.4.3), then the default,
/// which is the first that was listed.
#[derive(Debug)]
pub struct CertificateStore {
    choice: ArcSwap<Choice>,
    /// What was read, in the order listed. Only `reconcile` locks it; handshakes never do.
    entries: Mutex<Vec<Entry>>,
}

/// What one pass found about one certificate.
#[derive(Debug)]
pub enum CertificateChange {
    /// It is in use for the first time.
    Loaded(CertificateFiles),
    /// Its files changed, and new connections see the new one.
    Replaced(CertificateFiles),
    /// It is no longer listed, and no longer in use.
    Removed(CertificateFiles),
    /// Its files cannot be used. If it was in use before, it stays in use as it was.
    Broken {
        /// Which.
        files: CertificateFiles,
        /// Whether an earlier version remains in use.
        kept: bool,
        /// Why.
        error: CertificateError,
    },
}

/// One certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSummary {
    /// Where it came from.
    pub files: CertificateFiles,
    /// The host names and addresses it is for.
    pub names: Vec<String>,
    /// When its life ends.
    pub not_after: SystemTime,
}

#[derive(Debug)]
struct Entry {
    files: CertificateFiles,
    /// How the files looked when they were read; nothing if reading them is to be tried again in any case.
    look: Option<Look>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
    not_after: SystemTime,
}

#[derive(Debug, Default)]
struct Choice {
    default: Option<Arc<CertifiedKey>>,
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl CertificateStore {
    /// Reads all the files; any that cannot be used is an error, and so is none at all.
    pub fn load(wanted: &[CertificateFiles]) -> Result<Arc<Self>, CertificateError> {
        let store = Self { choice: ArcSwap::default(), entries: Mutex::default() };
        for change in store.reconcile(wanted) {
            if let CertificateChange::Broken { error, .. } = change {
                return Err(error);
            }
        }
        if wanted.is_empty() { Err(CertificateError::NoneGiven) } else { Ok(Arc::new(store)) }
    }

    /// Makes the certificates in use those in the wanted files, as the files are now. Reads only files that have changed
    /// since they were last read, and says what it did; a file that stays broken is reported once. Certificates that are
    /// no longer listed stay in use as long as one that is listed cannot be used.
    ///
    /// Looks at the file system: a few microseconds if nothing changed.
    #[must_use = "what is broken is to be told"]
    pub fn reconcile(&self, wanted: &[CertificateFiles]) -> Vec<CertificateChange> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = Vec::new();
        let mut known = std::mem::take(&mut *entries);
        for files in wanted {
            if entries.iter().any(|entry| entry.files == *files) {
                continue;
            }
            let before = known.iter().position(|entry| entry.files == *files).map(|at| known.remove(at));
            // Looked at before it is read: what is written meanwhile looks different next time.
            let look = Some(files.look());
            let before = match before {
                Some(unchanged) if unchanged.look == look => {
                    entries.push(unchanged);
                    continue;
                }
                other => other.and_then(|entry| entry.current),
            };
            let mut entry = Entry { files: files.clone(), look, current: None };
            let replaces = before.is_some();
            match Current::load(files) {
                Ok(current) => {
                    entry.current = Some(current);
                    let change =
                        if replaces { CertificateChange::Replaced } else { CertificateChange::Loaded };
                    changes.push(change(files.clone()));
                }
                Err(error) => {
                    entry.current = before;
                    entry.look = entry.look.filter(|_| !error.may_pass());
                    changes.push(CertificateChange::Broken { files: files.clone(), kept: replaces, error });
                }
            }
            entries.push(entry);
        }
        // What is no longer listed goes only when all that is listed is there: a mistyped new path must not leave the
        // service without any certificate.
        if !entries.is_empty() && entries.iter().all(|entry| entry.current.is_some()) {
            changes.extend(known.into_iter().map(|gone| CertificateChange::Removed(gone.files)));
        } else {
            entries.extend(known);
        }
        // Always, for the order alone decides which is the default.
        self.choice.store(Arc::new(Choice::among(&entries)));
        changes
    }

    /// The certificates in use, the default first.
    pub fn summary(&self) -> Vec<CertificateSummary> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let in_use = entries.iter().filter_map(|entry| Some((entry, entry.current.as_ref()?)));
        in_use
            .map(|(entry, current)| CertificateSummary {
                files: entry.files.clone(),
                names: current.names.clone(),
                not_after: current.not_after,
            })
            .collect()
    }
}

impl Current {
    fn load(files: &CertificateFiles) -> Result<Self, CertificateError> {
        let bad = || CertificateError::BadCertificate { file: files.certificate.clone() };
        let key = files.load()?;
        let leaf = key.end_entity_cert().ok().and_then(Leaf::parse).ok_or_else(bad)?;
        Ok(Self { key, names: leaf.names, not_after: leaf.not_after })
    }
}

impl Choice {
    fn among(entries: &[Entry]) -> Self {
        let mut choice = Self::default();
        for current in entries.iter().filter_map(|entry| entry.current.as_ref()) {
            choice.default.get_or_insert_with(|| Arc::clone(&current.key));
            for name in &current.names {
                // Of two certificates for one name the first listed is shown.
                choice.by_name.entry(name.clone()).or_insert_with(|| Arc::clone(&current.key));
            }
        }
        choice
    }

    fn pick(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let named = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let wildcard = || self.by_name.get(&format!("*.{}", name.split_once('.')?.1));
            self.by_name.get(&name).or_else(wildcard)
        });
        named.or(self.default.as_ref()).cloned()
    }
}

impl ResolvesServerCert for CertificateStore {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choice.load().pick(hello.server_name())
    }
}
