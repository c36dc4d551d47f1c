//! An installation before its first start: its addresses and its configuration.

use std::fs::{self, DirBuilder};
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use settings::{Configuration, LoopbackPorts};
use tempfile::TempDir;

use crate::installation::Installation;
use crate::place::Place;

/// The data centre that `mailmedic up` makes by itself, `cas1`, `mbx1` and `mbx2`, on addresses of its own, and edited as an
/// administrator would.
#[derive(Debug)]
pub struct Preparation {
    place: Place,
    folder: TempDir,
    data: PathBuf,
    text: String,
}

impl Default for Preparation {
    fn default() -> Self {
        Self::new()
    }
}

impl Preparation {
    /// As it comes, but for the addresses; a server that loses its power has it back soon; and nothing is healed by itself,
    /// or a test of a fault would be over before it has looked.
    pub fn new() -> Self {
        let place = Place::take();
        let mut configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
        for (server, host) in configuration.servers.iter_mut().zip([1, 21, 22]) {
            server.address = place.address(host).into();
        }
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let text = configuration.to_toml();
        let prepared = Self { place, folder, data, text };
        prepared.set("init", "power-on-delay", "\"300 ms\"").set("recovery", "observe", "true")
    }

    /// As it comes, with everything healed by itself.
    pub fn that_heals_itself() -> Self {
        Self::new().set("recovery", "observe", "false")
    }

    /// An address for something beside the installation: a mail server, a third-party back end. Above 30.
    pub fn address(&self, host: u8) -> Ipv4Addr {
        self.place.address(host)
    }

    /// A folder that lives as long as the installation and is not its data directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Gives a setting of all servers a value, written as in the file.
    #[must_use]
    pub fn set(mut self, section: &str, key: &str, value: &str) -> Self {
        let (head, rest) = self.text.split_once(&format!("\n[{section}]\n")).expect("a section of the file");
        let (body, tail) = rest.split_at(rest.find("\n[").unwrap_or(rest.len()));
        let is_it = |line: &str| line.trim_start_matches("#: ").starts_with(&format!("{key} = "));
        assert!(body.lines().any(is_it), "[{section}] has no {key}");
        let edited = |line| if is_it(line) { format!("{key} = {value}") } else { line.to_owned() };
        let body: Vec<String> = body.lines().map(edited).collect();
        self.text = format!("{head}\n[{section}]\n{}\n{tail}", body.join("\n"));
        self
    }

    /// Adds whole tables.
    #[must_use]
    pub fn append(mut self, tables: &str) -> Self {
        self.text.push_str(tables);
        self
    }

    /// Puts the data directory into another folder.
    #[must_use]
    pub fn inside(mut self, folder: &Path) -> Self {
        self.data = folder.join("data");
        self
    }

    /// Writes the configuration and starts everything.
    pub fn start(self) -> Installation {
        let mut installation = self.write();
        installation.start();
        installation
    }

    /// Writes the configuration; nothing is started.
    pub fn write(self) -> Installation {
        DirBuilder::new().mode(0o700).create(&self.data).unwrap();
        fs::write(self.data.join("mailmedic.toml"), self.text).unwrap();
        Installation::new(self.place, self.folder, self.data)
    }
}
