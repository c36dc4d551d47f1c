//! The commands of the management shell: a table of names, parameters and help, and what each does.
//!
//! To add a command, write a [`Cmdlet`] in the module of its subject, or in a new one, and add it to [`TABLE`]; binding its
//! parameters, its help and its completion follow from the entry. Names and properties are those that administrators know.
//! Commands that change what comes out of others are in `pipeline`, and in the same table.

mod binding;
mod cmdlet;
mod components;
mod computers;
mod copies;
mod databases;
mod health;
mod help;
mod mailbox_servers;
mod monitors;
mod overrides;
mod pop_settings;
mod probes;
mod rows;
mod service_health;
mod services;
mod session;

use settings::nearest;

pub(crate) use binding::Given;
pub(crate) use cmdlet::{Cmdlet, Kind, Parameter, Position, Prepared, Trouble};
pub(crate) use session::Session;

use crate::language::{Invocation, Located, Mistake};
use crate::pipeline::{choosing, grouping, json, measuring, ordering, showing, testing};

/// Every command, by subject.
pub(crate) const TABLE: &[Cmdlet] = &[
    health::GET_SERVER_HEALTH,
    health::GET_HEALTH_REPORT,
    probes::INVOKE,
    probes::TEST_CONNECTIVITY,
    monitors::GET_IDENTITY,
    monitors::GET_HELP,
    monitors::SET,
    overrides::ADD_SERVER,
    overrides::GET_SERVER,
    overrides::REMOVE_SERVER,
    overrides::ADD_GLOBAL,
    overrides::GET_GLOBAL,
    overrides::REMOVE_GLOBAL,
    mailbox_servers::GET,
    mailbox_servers::SET,
    copies::GET,
    databases::GET,
    databases::MOVE,
    components::GET,
    components::SET,
    services::GET,
    services::START,
    services::STOP,
    services::RESTART,
    service_health::TEST,
    computers::RESTART,
    pop_settings::GET,
    pop_settings::SET,
    testing::WHERE,
    choosing::SELECT,
    ordering::SORT,
    grouping::GROUP,
    measuring::MEASURE,
    showing::FORMAT_TABLE,
    showing::FORMAT_LIST,
    json::CONVERT_TO_JSON,
    help::GET_HELP,
    help::GET_COMMAND,
];

/// The command of that name, or the mistake that there is none.
pub(crate) fn find(name: &Located<String>) -> Result<&'static Cmdlet, Mistake> {
    if let Some(found) = TABLE.iter().find(|cmdlet| cmdlet.is_called(&name.what)) {
        return Ok(found);
    }
    let instead = match nearest(&name.what, TABLE.iter().flat_map(Cmdlet::names)) {
        Some(near) => format!("did you mean {near}?"),
        None => "Get-Command lists what there is".to_owned(),
    };
    Err(Mistake::new(name.place.clone(), format!("there is no command called {}", name.what), instead))
}

/// A command with what it is given, checked and ready.
pub(crate) fn prepared(cmdlet: &Cmdlet, invocation: Invocation) -> Result<Prepared, Mistake> {
    (cmdlet.prepare)(binding::bind(cmdlet, invocation)?)
}
