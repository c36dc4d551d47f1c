//! `Get-Service`, `Start-Service`, `Stop-Service` and `Restart-Service`.

use admin_api::routes::Services;
use admin_api::rows::{ByServer, Reason, ServiceRow, Traffic};
use admin_api::{Kind as ProblemKind, Problem};

use super::rows::{pascal, service, values};
use super::{Cmdlet, Given, Kind, Parameter, Position, Prepared, Session};
use crate::failure::Outcome;
use crate::patience::Patience;
use crate::place::Place;
use crate::service::Deed;
use crate::values::Object;

pub(super) const GET: Cmdlet = Cmdlet {
    name: "Get-Service",
    aliases: &["gsv"],
    summary: "Shows the services of the servers",
    parameters: || {
        vec![
            Parameter::new("Name", Kind::Text, NAME).positional(),
            Parameter::new("ComputerName", Kind::Text, "Only services of this server").or(&["Server", "Cn"]),
        ]
    },
    examples: &[
        "Get-Service -ComputerName mbx1",
        "Get-Service MSExchangePOP3BE | ?{$_.Status -ne \"Running\"}",
    ],
    position: Position::First,
    prepare: |given| {
        let (name, query) = (given.text("Name"), ByServer { server: given.text("ComputerName") });
        Ok(Box::new(move |session, _| {
            let mut listing = session.agents()?.get(&Services {}, &query)?;
            if let Some(name) = name {
                listing.rows.retain(|row| row.service.eq_ignore_ascii_case(service(&name)));
            }
            Ok(values(session, listing, object))
        }))
    },
};

const NAME: &str = "The service: frontend (MSExchangePOP3), backend (MSExchangePOP3BE) or agent";

fn object(row: ServiceRow) -> Object {
    let addresses: Vec<_> = row.addresses.iter().map(|at| format!("{} {}", at.purpose, at.address)).collect();
    Object::shown_by(&["Status", "Name", "Server", "Sessions", "Since"])
        .with("Status", pascal(row.state.word()))
        .with("Name", row.service)
        .with("Server", row.server)
        .with("Sessions", row.sessions)
        .with("Since", row.since.as_ref())
        .with("Traffic", row.traffic.map(Traffic::word).map(pascal))
        .with("StoppedByHand", row.stopped_by_hand)
        .with("ProcessId", row.pid)
        .with("Restarts", row.restarts)
        .with("Addresses", addresses)
        .with("Failure", row.failure)
}

pub(super) const START: Cmdlet = Cmdlet {
    name: "Start-Service",
    aliases: &["sasv"],
    summary: "Starts a service that is stopped or Failed, and waits until it runs",
    parameters: one_service,
    examples: &["Start-Service MSExchangePOP3BE -ComputerName mbx1"],
    position: Position::First,
    prepare: |given| Ok(deed(Deed::Start, &given)),
};

pub(super) const STOP: Cmdlet = Cmdlet {
    name: "Stop-Service",
    aliases: &["spsv"],
    summary: "Stops a service, which stays stopped until somebody starts it",
    parameters: one_service,
    examples: &["Stop-Service backend -ComputerName mbx1 -Comment 'restore of DB01'"],
    position: Position::First,
    prepare: |given| Ok(deed(Deed::Stop, &given)),
};

pub(super) const RESTART: Cmdlet = Cmdlet {
    name: "Restart-Service",
    aliases: &[],
    summary: "Drains a service, starts it anew, and waits until it runs",
    parameters: one_service,
    examples: &["Restart-Service MSExchangePOP3 -ComputerName cas1"],
    position: Position::First,
    prepare: |given| Ok(deed(Deed::Restart, &given)),
};

fn one_service() -> Vec<Parameter> {
    let server = "The server; not needed if one server alone has such a service";
    vec![
        Parameter::new("Name", Kind::Text, NAME).positional().mandatory(),
        Parameter::new("ComputerName", Kind::Text, server).or(&["Server", "Cn"]),
        Parameter::new("Comment", Kind::Text, "Why, for those who look later").or(&["Reason"]),
        Parameter::new("Limit", Kind::Span, "How long to wait for the end; 2 minutes if you do not say"),
    ]
}

fn deed(deed: Deed, given: &Given) -> Prepared {
    let (name, server) = (service(&given.needed("Name")).to_owned(), given.text("ComputerName"));
    let (reason, patience) = (Reason { reason: given.text("Comment") }, Patience::with(given.span("Limit")));
    Box::new(move |session, _| {
        let server = match server {
            Some(server) => server,
            None => only_server_with(session, &name)?,
        };
        let place = Place { server, name };
        Ok(vec![object(deed.done(session.agents()?, &place, &reason, patience)?).into()])
    })
}

/// The server that alone has such a service.
fn only_server_with(session: &Session<'_>, name: &str) -> Outcome<String> {
    let rows = session.agents()?.get(&Services {}, &ByServer { server: None })?.rows;
    let names: Vec<_> = rows.iter().map(|row| row.service.as_str()).collect();
    let servers: Vec<_> = rows
        .iter()
        .filter(|row| row.service.eq_ignore_ascii_case(name))
        .map(|row| row.server.as_str())
        .collect();
    match servers.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(Problem::unknown("service", name, names.iter().copied()).into()),
        several => {
            let what = format!("say which server with -ComputerName: {}", several.join(", "));
            Err(Problem::new(ProblemKind::BadInput, what).into())
        }
    }
}
