//! How a command finds an agent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use admin_api::{Caller, Endpoint, Nothing, Role};
use api_client::blocking::Agents;
use api_client::{BadDoor, BearerToken, Door, TlsError, TlsIdentity, doors_of};
use clap::Args;
use settings::DataDirectory;

use crate::failure::{Failure, Outcome};

/// Where to find an agent, as arguments.
#[derive(Args, Clone, Debug, Default)]
pub struct Access {
    /// The agent to ask, such as `https://mbx1.example.com:1880`; otherwise any that answers in the data directory
    #[arg(
        long,
        global = true,
        env = "MAILMEDIC_API",
        value_name = "ADDRESS",
        help_heading = "Global options"
    )]
    api: Option<String>,

    /// The file that holds the token to show to the agent
    #[arg(
        long,
        global = true,
        env = "MAILMEDIC_API_TOKEN_FILE",
        value_name = "FILE",
        help_heading = "Global options",
        hide_short_help = true
    )]
    api_token_file: Option<PathBuf>,

    /// The certificate of the authority to trust, for an agent with TLS
    #[arg(
        long,
        global = true,
        env = "MAILMEDIC_API_CA",
        value_name = "FILE",
        help_heading = "Global options",
        hide_short_help = true
    )]
    api_ca: Option<PathBuf>,
}

/// A connection to whichever agent answers.
#[derive(Debug)]
pub struct Connection {
    agents: Agents,
}

impl Connection {
    /// Finds an agent: the one that the arguments name, or any of the data directory.
    pub fn open(access: &Access, data: &DataDirectory) -> Outcome<Self> {
        let doors = match &access.api {
            Some(address) => vec![access.door(address)?],
            None => doors_of(data).map_err(|error| {
                Failure::failed(format!("cannot look for agents in {}: {error}", data.root().display()))
            })?,
        };
        if doors.is_empty() {
            return Err(Failure::failed(format!(
                "no agent has ever run in {}; is `mailmedic up` running? --data or --api says where else to ask",
                data.root().display()
            )));
        }
        let agents = Agents::find(doors)?;
        // Over the network a token says who asks; the sockets are open to administrators of this machine alone.
        Ok(Self { agents: if access.api.is_none() { agents.in_the_name_of(person()) } else { agents } })
    }

    /// Looks at something.
    pub(crate) fn get<E>(&self, endpoint: &E, query: &E::Query) -> Outcome<E::Response>
    where
        E: Endpoint<Request = Nothing>,
    {
        Ok(self.agents.get(endpoint, query)?)
    }

    /// Looks at something whose answer may be put off for `wait`.
    pub(crate) fn wait<E>(&self, endpoint: &E, query: &E::Query, wait: Duration) -> Outcome<E::Response>
    where
        E: Endpoint<Request = Nothing>,
    {
        Ok(self.agents.wait(endpoint, query, wait)?)
    }

    /// Asks for something to be done.
    pub(crate) fn send<E>(&self, endpoint: &E, request: &E::Request) -> Outcome<E::Response>
    where
        E: Endpoint<Query = Nothing>,
    {
        Ok(self.agents.send(endpoint, request)?)
    }
}

/// Who sits at this terminal, also behind `sudo`.
fn person() -> Caller {
    let named = ["SUDO_USER", "LOGNAME", "USER"].into_iter().find_map(|name| std::env::var(name).ok());
    Caller {
        name: named.filter(|name| !name.is_empty()).unwrap_or_else(|| "root".to_owned()),
        role: Role::Administrator,
    }
}

impl Access {
    fn door(&self, address: &str) -> Outcome<Door> {
        let token = self.api_token_file.as_deref().map(read_token).transpose()?;
        Door::parse(address, token, || {
            let authority = self.api_ca.clone().ok_or_else(|| {
                Failure::bad_input(format!(
                    "--api {address} needs --api-ca FILE: the certificate of the authority to trust"
                ))
            })?;
            Ok(TlsIdentity { authority, own: None }.config()?)
        })
    }
}

fn read_token(file: &Path) -> Outcome<BearerToken> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::bad_input(format!("cannot read {}: {error}", file.display())))?;
    Ok(BearerToken::new(&text))
}

impl From<BadDoor> for Failure {
    fn from(bad: BadDoor) -> Self {
        Self::bad_input(format!("--api: {bad}"))
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::bad_input(format!("--api-ca: {error}"))
    }
}
