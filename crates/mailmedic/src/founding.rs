//! What an installation needs before anything can run, made where it is missing: configuration, authorities and
//! certificates, directory, databases. Done at every start, so a start that died half-way is finished by the next, and a
//! server added to the configuration gets what it needs.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use directory::Administration;
use health_mailbox::{HealthKey, HealthMailbox};
use mailbox_sqlite::{Archive, CreateOptions, DatabaseError};
use net::Authority;
use net::authority::Subject;
use settings::{
    CertificateName, Configuration, DataDirectory, HostName, LoopbackPorts, Role, Server, ServerName,
    ServerSettings, Value as _,
};
use shell::{Failure, Outcome};

use crate::coordinator;
use crate::site::{Site, database_failure, read_configuration, unknown};

/// A second name for a server.
#[derive(Clone, Debug)]
pub(crate) struct Alias {
    pub(crate) alias: ServerName,
    pub(crate) server: ServerName,
}

impl Alias {
    /// Reads `server1=cas1`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (alias, server) = text.split_once('=').ok_or("write ALIAS=SERVER, as in server1=cas1")?;
        let name = |text: &str| ServerName::parse(text).map_err(|invalid| invalid.to_string());
        Ok(Self { alias: name(alias)?, server: name(server)? })
    }
}

/// Writes the configuration of a new data directory: a small data centre on loopback.
pub(crate) fn write_loopback_configuration(
    data: &DataDirectory,
    domain: Option<&HostName>,
    aliases: &[Alias],
) -> Outcome {
    let mut configuration = Configuration::for_loopback(LoopbackPorts::default()).map_err(Failure::failed)?;
    if let Some(domain) = domain {
        configuration.name_domain(domain).map_err(Failure::bad_input)?;
    }
    for Alias { alias, server } in aliases {
        let known: Vec<_> = configuration.servers.iter().map(|server| server.name.to_string()).collect();
        if configuration.server_called(alias.as_str()).is_some() {
            return Err(Failure::bad_input(format!(
                "--alias {alias}={server}: a server is called {alias} already"
            )));
        }
        let named = configuration.servers.iter_mut().find(|known| known.name == *server);
        let named =
            named.ok_or_else(|| unknown("server", server.as_str(), known.iter().map(String::as_str)))?;
        named.aliases.push(alias.clone());
    }
    write_new(&data.configuration(), configuration.to_toml().as_bytes(), 0o640)
}

/// Writes a file that must not exist yet.
pub(crate) fn write_new(path: &Path, octets: &[u8], mode: u32) -> Outcome {
    let beside = path.with_extension("new");
    let written = std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(mode)
        .open(&beside)
        .and_then(|mut file| {
            file.write_all(octets)?;
            file.sync_all()?;
            // Unlike a rename, a link never replaces what somebody else has put there.
            std::fs::hard_link(&beside, path)
        });
    // Whatever became of it, the name beside has served its purpose.
    let _ = std::fs::remove_file(&beside);
    written.map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
}

/// Makes what is missing in a data directory that this process has claimed.
pub(crate) fn complete(data: &DataDirectory) -> Outcome<Site> {
    let configuration = read_configuration(&data.configuration())?;
    let site = Site { data: data.clone(), configuration };
    let servers = site.configuration.servers.iter();
    let mut folders: Vec<PathBuf> =
        servers.map(|server| data.server(server.name.as_str()).root().to_owned()).collect();
    if coordinator::is_local(&site) || coordinator::is_of_the_agent(&site) {
        folders.push(data.coordinator().root().to_owned());
    }
    for folder in folders {
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::failed(format!("cannot create {}: {error}", folder.display())))?;
    }
    certificates(&site, SystemTime::now())?;
    if site.configuration.only_watches() {
        return Ok(site);
    }
    let mut administration = site.administration()?;
    databases(&site, &administration)?;
    health_mailboxes(&site, &mut administration)?;
    Ok(site)
}

/// Makes the certificates that are missing, and renews those whose time is running out.
pub(crate) fn certificates(site: &Site, now: SystemTime) -> Outcome {
    let because = |error: net::authority::AuthorityError| Failure::because(&error);
    let clients = Authority::load_or_create(&site.data.client_authority(), "mailmedic client CA", now)
        .map_err(because)?;
    let cluster = Authority::load_or_create(&site.data.cluster_authority(), "mailmedic cluster CA", now)
        .map_err(because)?;
    for server in &site.configuration.servers {
        let settings = site.settings_of(server)?;
        for (stem, subject) in client_certificates(server, &settings) {
            clients.ensure(&stem, &subject, now).map_err(because)?;
        }
        cluster.ensure(server.name.as_str(), &node(server, &settings), now).map_err(because)?;
    }
    Ok(())
}

/// A server among servers: its services share one certificate, and its agent is among them.
fn node(server: &Server, settings: &ServerSettings) -> Subject {
    let roles = server.roles.iter().map(|role| match role {
        Role::ClientAccess => net::Role::ClientAccess,
        Role::Mailbox => net::Role::Mailbox,
    });
    let addresses: BTreeSet<IpAddr> = settings.api_tls_addresses().iter().map(SocketAddr::ip).collect();
    let names = std::iter::once(server.host_name.to_string()).chain(addresses.iter().map(IpAddr::to_string));
    Subject::Node {
        server: server.name.to_string(),
        roles: roles.chain([net::Role::Agent]).collect(),
        names: names.collect(),
    }
}

/// The certificates that our own CA makes for a server: one that bears its names, and those that its settings name.
fn client_certificates(server: &Server, settings: &ServerSettings) -> Vec<(String, Subject)> {
    let mut names = BTreeSet::from([server.host_name.to_string(), HostName::from(&server.name).to_string()]);
    let mut addresses: BTreeSet<IpAddr> = BTreeSet::new();
    for at in settings.pop3_addresses().into_iter().chain(settings.pop3s_addresses()) {
        if at.ip().is_loopback() {
            names.insert("localhost".to_owned());
        }
        if !at.ip().is_unspecified() {
            addresses.insert(at.ip());
        }
    }
    let own = settings.pop.x509_certificate_name.iter().filter_map(|name| match name {
        CertificateName::Own(name) if name.as_str() != server.name.as_str() => Some((
            name.to_string(),
            Subject::Service { names: vec![name.to_string()], addresses: Vec::new() },
        )),
        CertificateName::Own(_) | CertificateName::Files { .. } => None,
    });
    let of_server =
        Subject::Service { names: names.into_iter().collect(), addresses: addresses.into_iter().collect() };
    std::iter::once((server.name.to_string(), of_server)).chain(own).collect()
}

/// Makes the databases that are missing. One that users live in is not missing but lost: it is never made anew in silence.
fn databases(site: &Site, administration: &Administration) -> Outcome {
    let users = administration.list().map_err(|error| Failure::because(&error))?;
    for database in site.databases() {
        let folder = site.data.database(database.as_str());
        let inhabitants = users.iter().filter(|user| user.database == database).count();
        if inhabitants > 0 && is_missing(&folder) {
            return Err(Failure::failed(format!(
                "the mailbox database {database} is not in {}, though {inhabitants} users have their mail there: put it \
                 back, or restore a backup with `mailmedic database restore {database} --from FILE`",
                folder.display()
            )));
        }
        if let Some(above) = folder.parent() {
            std::fs::create_dir_all(above)
                .map_err(|error| Failure::failed(format!("cannot create {}: {error}", above.display())))?;
        }
        match mailbox_sqlite::create(&folder, CreateOptions::default()) {
            // It is there, or even mounted.
            Ok(()) | Err(DatabaseError::Exists { .. } | DatabaseError::InUse { .. }) => {}
            Err(error) => return Err(database_failure(&error)),
        }
    }
    Ok(())
}

/// Makes the health mailboxes that are missing, and the key of their secrets if there is none yet.
fn health_mailboxes(site: &Site, administration: &mut Administration) -> Outcome {
    let key = health_key(&site.data.health_key())?;
    for database in site.databases() {
        let secret = key.secret(&HealthMailbox::of(&database));
        let provision = administration.provision_health_mailbox(&database, &secret);
        provision.map_err(|error| Failure::because(&error))?;
    }
    Ok(())
}

fn health_key(file: &Path) -> Outcome<HealthKey> {
    if !file.exists() {
        let mut octets = [0; HealthKey::LENGTH];
        getrandom::fill(&mut octets)
            .map_err(|error| Failure::failed(format!("the system gives no random numbers: {error}")))?;
        let key = HealthKey::new(octets);
        write_new(file, key.expose(), 0o600)?;
        return Ok(key);
    }
    let octets = std::fs::read(file)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))?;
    // Never made anew in silence: every other server would still have the old one.
    HealthKey::read(&octets).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))
}

/// Whether there is no database in the folder. One that is there and cannot be opened is the back end's to tell.
fn is_missing(folder: &Path) -> bool {
    matches!(Archive::open(folder), Err(DatabaseError::Missing { .. }))
}

#[cfg(test)]
mod tests;
