//! The ways that lead to users' mail, as the configuration has them.
//!
//! A user's database names the way: one of ours, mounted on a mailbox server, or a third-party route of that name. Users
//! whom the directory does not know may take the third-party route of their domain.

pub mod waiting;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use net::ClientTls;
use net::tls::CertificateError;
use pop3::Secret;
use service::credentials::Credentials;
use settings::{Configuration, DatabaseName, Layer, RouteKind, ServerName, Target, TargetTls};
use tokio::sync::watch;

/// Which server each database of ours is to be found on. One that is on its way is on none.
pub type Whereabouts = BTreeMap<DatabaseName, ServerName>;

/// The whereabouts now and whenever they change.
pub type WatchedWhereabouts = watch::Receiver<Arc<Whereabouts>>;

/// Where a database of ours is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// The database.
    pub database: String,
    /// The mailbox server.
    pub server: String,
    /// Where its back end takes front ends for POP3.
    pub pop3: SocketAddr,
    /// Where its back end takes front ends for mail.
    pub lmtp: SocketAddr,
}

/// A third-party back end.
#[derive(Debug)]
pub struct Foreign {
    /// The name of the route.
    pub name: String,
    /// Where it is.
    pub target: Target,
    /// How the connection is protected.
    pub protection: Protection,
    /// How users are logged in there.
    pub kind: ForeignKind,
}

/// How a third-party back end is logged in to.
#[derive(Debug)]
pub enum ForeignKind {
    /// With the user's own name and password, which the back end judges.
    PassThrough,
    /// As a master user, for a user of our directory.
    Master {
        /// The master user's name.
        user: String,
        /// The master user's password.
        password: Secret,
    },
}

/// How the connection to a third-party back end is protected.
#[derive(Clone, Debug)]
pub enum Protection {
    /// Not at all.
    Plain,
    /// By STLS; the certificate must be for this name.
    Stls(ClientTls, String),
    /// From the first octet; the certificate must be for this name.
    Implicit(ClientTls, String),
}

/// A way to mail.
#[derive(Clone, Debug)]
pub enum Route {
    /// To a mailbox server of ours.
    Own(Arc<Own>),
    /// To somebody else's server.
    Foreign(Arc<Foreign>),
}

/// Every way there is.
#[derive(Debug, Default)]
pub struct Routes {
    by_name: HashMap<String, Route>,
    by_domain: HashMap<String, Arc<Foreign>>,
}

/// A route cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// The authorities that are to vouch for the target cannot be read.
    #[error("route {route}: {source}")]
    Authorities {
        /// The route.
        route: String,
        /// Why.
        source: CertificateError,
    },
    /// The master user's credentials cannot be read.
    #[error("route {route}: cannot read the credentials in {}: {source}", file.display())]
    Credentials {
        /// The route.
        route: String,
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Routes {
    /// The ways that a configuration has while its databases are at these places; relative paths in it start at `folder`.
    /// Reads files.
    pub fn of(
        configuration: &Configuration,
        whereabouts: &Whereabouts,
        folder: &Path,
    ) -> Result<Self, RouteError> {
        let mut routes = Self::default();
        for database in &configuration.databases {
            let server = whereabouts.get(&database.name).and_then(|name| configuration.server(name.as_str()));
            let Some(server) = server else { continue };
            let settings = configuration.settings_of(server, &Layer::default());
            let own = Own {
                database: database.name.as_str().to_owned(),
                server: server.name.as_str().to_owned(),
                pop3: settings.inner_pop3_address(),
                lmtp: settings.inner_lmtp_address(),
            };
            routes.by_name.insert(own.database.clone(), Route::Own(Arc::new(own)));
        }
        for route in &configuration.routes {
            let foreign = Arc::new(Foreign::of(route, folder)?);
            for domain in &route.domains {
                routes.by_domain.insert(domain.as_str().to_ascii_lowercase(), Arc::clone(&foreign));
            }
            routes.by_name.insert(foreign.name.clone(), Route::Foreign(foreign));
        }
        Ok(routes)
    }

    /// Whether any third-party back end judges passwords itself.
    pub fn has_pass_through(&self) -> bool {
        self.by_name.values().any(|route| {
            matches!(route, Route::Foreign(foreign) if matches!(foreign.kind, ForeignKind::PassThrough))
        })
    }

    /// The way to the users of `database`.
    pub fn to_database(&self, database: &str) -> Option<Route> {
        self.by_name.get(database).cloned()
    }

    /// The way for users of `domain` whom the directory does not know.
    pub fn for_strangers_of(&self, domain: &str) -> Option<Arc<Foreign>> {
        self.by_domain.get(domain).cloned()
    }
}

impl Foreign {
    fn of(route: &settings::Route, folder: &Path) -> Result<Self, RouteError> {
        let name = route.name.as_str().to_owned();
        let tls = |identity: &settings::TargetIdentity| {
            let tls = ClientTls::verified_by(&identity.ca.from_folder(folder));
            let tls = tls.map_err(|source| RouteError::Authorities { route: name.clone(), source })?;
            let host = route.address.host.to_string();
            Ok((tls, identity.name.as_ref().map_or(host, |name| name.as_str().to_owned())))
        };
        let protection = match &route.tls {
            TargetTls::Plain => Protection::Plain,
            TargetTls::Stls(identity) => tls(identity).map(|(tls, name)| Protection::Stls(tls, name))?,
            TargetTls::Implicit(identity) => {
                tls(identity).map(|(tls, name)| Protection::Implicit(tls, name))?
            }
        };
        let kind = match &route.kind {
            RouteKind::PassThrough => ForeignKind::PassThrough,
            RouteKind::Master { credentials } => {
                let file = credentials.from_folder(folder);
                let Credentials { user, password } = Credentials::read(&file)
                    .map_err(|source| RouteError::Credentials { route: name.clone(), file, source })?;
                ForeignKind::Master { user, password: Secret::new(password) }
            }
        };
        Ok(Self { name, target: route.address.clone(), protection, kind })
    }
}
