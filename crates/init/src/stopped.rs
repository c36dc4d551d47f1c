//! The services of a server that a human stopped. Kept in a file, because what a human stopped stays stopped when the
//! server restarts: no recovery may undo it by pulling the plug.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::InitError;

/// The names, one a line in the file.
#[derive(Debug)]
pub(crate) struct StoppedByHand {
    path: PathBuf,
    services: BTreeSet<String>,
}

impl StoppedByHand {
    /// Reads the file in the server's folder; without one nothing is stopped.
    pub(crate) fn read(folder: &Path) -> Result<Self, InitError> {
        let path = folder.join("stopped-services");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            other => other.map_err(InitError::file("read", &path))?,
        };
        let services =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Ok(Self { path, services })
    }

    pub(crate) fn contains(&self, service: &str) -> bool {
        self.services.contains(service)
    }

    /// Writes down that the service is stopped, or that it is wanted again. On failure nothing has changed.
    pub(crate) fn set(&mut self, service: &str, stopped: bool) -> io::Result<()> {
        let mut services = self.services.clone();
        let changed = if stopped { services.insert(service.to_owned()) } else { services.remove(service) };
        if changed {
            let lines: Vec<&str> = services.iter().map(String::as_str).collect();
            replace(&self.path, &lines.join("\n"))?;
            self.services = services;
        }
        Ok(())
    }
}

/// Writes a file so that a reader, and a restart at any moment, finds the old text or the new one.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fs::File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
