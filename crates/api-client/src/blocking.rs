//! The client for commands, which have nothing else to do while they wait.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use admin_api::{Caller, Endpoint, Nothing};
use tokio::runtime::{Builder, Runtime};

use crate::client::Client;
use crate::door::Door;
use crate::error::ClientError;

/// How long any of several agents may take to say that it is there.
const PRESENCE: Duration = Duration::from_secs(3);

/// Asks the agents of one installation: whichever answers, and another one if that goes away.
#[derive(Debug)]
pub struct Agents {
    runtime: Runtime,
    doors: Vec<Door>,
    chosen: RefCell<Client>,
    caller: Option<Caller>,
}

impl Agents {
    /// Finds an agent behind one of `doors`. A single door is taken at its word: it is asked only when there is a question.
    pub fn find(doors: Vec<Door>) -> Result<Self, ClientError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
            ClientError::NoAgent { door: "any socket".to_owned(), source: io::Error::other(error) }
        })?;
        let chosen = match doors.as_slice() {
            [only] => Client::new(only.clone()),
            several => runtime.block_on(Client::first_of(several, PRESENCE))?,
        };
        Ok(Self { runtime, doors, chosen: RefCell::new(chosen), caller: None })
    }

    /// Asks in the name of `caller`: believed by the agents whose sockets one may open.
    #[must_use]
    pub fn in_the_name_of(self, caller: Caller) -> Self {
        let chosen = self.chosen.into_inner().in_the_name_of(caller.clone());
        Self { chosen: RefCell::new(chosen), caller: Some(caller), ..self }
    }

    /// Where the agent listens that is asked.
    pub fn door(&self) -> Door {
        self.chosen.borrow().door().clone()
    }

    /// Looks at something.
    pub fn get<E>(&self, endpoint: &E, query: &E::Query) -> Result<E::Response, ClientError>
    where
        E: Endpoint<Request = Nothing>,
    {
        self.call(endpoint, query, &Nothing {})
    }

    /// Asks for something to be done.
    pub fn send<E>(&self, endpoint: &E, request: &E::Request) -> Result<E::Response, ClientError>
    where
        E: Endpoint<Query = Nothing>,
    {
        self.call(endpoint, &Nothing {}, request)
    }

    /// Looks at something whose answer may be put off for `wait`.
    pub fn wait<E>(&self, endpoint: &E, query: &E::Query, wait: Duration) -> Result<E::Response, ClientError>
    where
        E: Endpoint<Request = Nothing>,
    {
        self.ask(endpoint, query, &Nothing {}, wait)
    }

    /// Asks whatever can be asked.
    pub fn call<E: Endpoint>(
        &self,
        endpoint: &E,
        query: &E::Query,
        request: &E::Request,
    ) -> Result<E::Response, ClientError> {
        self.ask(endpoint, query, request, Duration::ZERO)
    }

    /// Asks, and once more if the agent has gone and nothing can have been done: its server may be the one that restarts.
    fn ask<E: Endpoint>(
        &self,
        endpoint: &E,
        query: &E::Query,
        request: &E::Request,
        wait: Duration,
    ) -> Result<E::Response, ClientError> {
        let once = || {
            let client = self.chosen.borrow().clone();
            let client = client.with_more_time(wait);
            self.runtime.block_on(client.call(endpoint, query, request))
        };
        match once() {
            Err(error) if error.another_may_answer() && self.doors.len() > 1 => {
                let Ok(other) = self.runtime.block_on(Client::first_of(&self.doors, PRESENCE)) else {
                    return Err(error);
                };
                self.chosen.replace(match &self.caller {
                    Some(caller) => other.in_the_name_of(caller.clone()),
                    None => other,
                });
                once()
            }
            answer => answer,
        }
    }
}
