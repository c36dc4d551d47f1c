//! An installation, as a command finds it: the data directory and its configuration.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use directory::administration::AdministrationSettings;
use directory::{Administration, Name, Realm};
use init::claim::{self, Claim, ClaimError};
use settings::{
    Configuration, DataDirectory, DatabaseName, Layer, Role, Server, ServerSettings, Span, Value, nearest,
};

use crate::failure::{Failure, Outcome};

/// A data directory that is ours, with its checked configuration.
pub(crate) struct Site {
    pub(crate) data: DataDirectory,
    pub(crate) configuration: Configuration,
}

impl Site {
    /// Opens the data directory; it may be running or not.
    pub(crate) fn open(data: &DataDirectory) -> Outcome<Self> {
        claim::check(data).map_err(claim_failure)?;
        same_user(data.root())?;
        let configuration = read_configuration(&data.configuration())?;
        Ok(Self { data: data.clone(), configuration })
    }

    /// The server called `name`.
    pub(crate) fn server(&self, name: &str) -> Outcome<&Server> {
        self.configuration.server(name).ok_or_else(|| {
            let known = self.configuration.servers.iter().map(|server| server.name.as_str());
            unknown("server", name, known)
        })
    }

    /// The server called `name`, or the only one there is.
    pub(crate) fn one_server(&self, name: Option<&str>) -> Outcome<&Server> {
        match (name, self.configuration.servers.as_slice()) {
            (Some(name), _) => self.server(name),
            (None, [only]) => Ok(only),
            (None, servers) => {
                let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
                Err(Failure::bad_input(format!("say which server with --server: {}", names.join(", "))))
            }
        }
    }

    /// The server called `name`, or all of them.
    pub(crate) fn servers(&self, name: Option<&str>) -> Outcome<Vec<&Server>> {
        match name {
            Some(name) => Ok(vec![self.server(name)?]),
            None => Ok(self.configuration.servers.iter().collect()),
        }
    }

    /// The database called `name`.
    pub(crate) fn database(&self, name: &str) -> Outcome<DatabaseName> {
        let known = self.configuration.databases.iter().map(|database| database.name.as_str());
        self.configuration
            .database(name)
            .map(|database| database.name.clone())
            .ok_or_else(|| unknown("database", name, known))
    }

    /// The database or third-party route called `name`: where a user's mail can be.
    pub(crate) fn home(&self, name: &str) -> Outcome<DatabaseName> {
        self.configuration.route(name).map_or_else(|| self.database(name), |route| Ok(route.name.clone()))
    }

    /// The third-party routes, in the order of the configuration.
    pub(crate) fn routes(&self) -> Vec<DatabaseName> {
        self.configuration.routes.iter().map(|route| route.name.clone()).collect()
    }

    /// The databases, in the order of the configuration.
    pub(crate) fn databases(&self) -> Vec<DatabaseName> {
        self.configuration.databases.iter().map(|database| database.name.clone()).collect()
    }

    /// The settings of a server, with what `set` stored on top.
    pub(crate) fn settings_of(&self, server: &Server) -> Outcome<ServerSettings> {
        Ok(self.configuration.settings_of(server, &self.set_layer(server)?))
    }

    /// What `set` stored for a server.
    pub(crate) fn set_layer(&self, server: &Server) -> Outcome<Layer<settings::PopSettings>> {
        let file = self.data.server(server.name.as_str()).pop_settings();
        service::live::read_set(&file).map_err(Failure::failed)
    }

    /// The realm of names that are written without one.
    pub(crate) fn realm(&self) -> Realm {
        Realm::from(&self.configuration.default_realm)
    }

    /// A user's name as it was typed.
    pub(crate) fn name(&self, typed: &str) -> Outcome<Name> {
        Name::parse(typed, &self.realm()).map_err(|error| Failure::bad_input(format!("{typed:?}: {error}")))
    }

    /// The directory, opened for changes.
    pub(crate) fn administration(&self) -> Outcome<Administration> {
        let scram = self
            .configuration
            .servers
            .iter()
            .any(|server| self.configuration.settings_of(server, &Layer::default()).log_in.scram_enabled);
        let settings = AdministrationSettings { scram, ..AdministrationSettings::default() };
        Administration::open(&self.data.directory(), settings).map_err(|error| Failure::because(&error))
    }
}

/// The processes that serve on a server, in the order in which they are started, which does not wait for one of them. The
/// agent watches the others; of these, what front ends need comes first.
pub(crate) fn services_of(server: &Server) -> Vec<&'static str> {
    std::iter::once(AGENT).chain(mail_services_of(server)).collect()
}

/// Those among the services of a server that people have sessions with.
pub(crate) fn mail_services_of(server: &Server) -> Vec<&'static str> {
    let of = |role, name| server.has(role).then_some(name);
    [of(Role::Mailbox, "backend"), of(Role::ClientAccess, "frontend")].into_iter().flatten().collect()
}

/// The service that looks after the others.
const AGENT: &str = "agent";

/// Reads and checks a configuration file: every mistake at once.
pub(crate) fn read_configuration(file: &Path) -> Outcome<Configuration> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::bad_input(format!("cannot read {}: {error}", file.display())))?;
    Configuration::parse(&text, &file.display().to_string()).map_err(Failure::bad_input)
}

/// A claim that failed, with the exit code that fits.
pub(crate) fn claim_failure(error: ClaimError) -> Failure {
    if error.is_bad_input() { Failure::bad_input(error) } else { Failure::failed(error) }
}

/// Nothing of that name, and which one was meant if that can be guessed.
pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Failure {
    let instead = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => match known.take(10).collect::<Vec<_>>().join(", ") {
            known if known.is_empty() => format!("there is no {what} at all"),
            known => format!("there is {known}"),
        },
    };
    Failure::bad_input(format!("there is no {what} called {name}; {instead}"))
}

/// A length of time as an argument.
pub(crate) fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|invalid| invalid.to_string())
}

/// Claims the data directory for this process, making it if there is none.
pub(crate) fn claim(
    data: &DataDirectory,
    take: fn(&DataDirectory) -> Result<Claim, ClaimError>,
) -> Outcome<Claim> {
    if data.root().is_dir() {
        same_user(data.root())?;
    }
    take(data).map_err(claim_failure)
}

/// What root writes, the services of another user cannot read; so it is not even begun.
fn same_user(root: &Path) -> Outcome {
    let owner = std::fs::metadata(root)
        .map_err(|error| Failure::failed(format!("{}: {error}", root.display())))?
        .uid();
    let this = rustix::process::geteuid().as_raw();
    if owner == this {
        return Ok(());
    }
    Err(Failure::bad_input(format!(
        "{} belongs to user {owner} and this is user {this}: run the command as that user, as in \
         `sudo --user '#{owner}' mailmedic …`",
        root.display()
    )))
}
