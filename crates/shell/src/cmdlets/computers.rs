//! `Restart-Computer`.

use admin_api::routes::RestartServer;
use admin_api::rows::RestartRequest;
use settings::Span;

use super::{Cmdlet, Kind, Parameter, Position};
use crate::server::{await_return, id};

/// How long a restart may take if nobody says.
const USUAL: Span = Span::seconds(300);

pub(super) const RESTART: Cmdlet = Cmdlet {
    name: "Restart-Computer",
    aliases: &[],
    summary: "Restarts a server",
    parameters: || {
        vec![
            Parameter::new("ComputerName", Kind::Text, "The server")
                .or(&["Server", "Cn"])
                .positional()
                .mandatory(),
            Parameter::new(
                "Force",
                Kind::Switch,
                "Even if databases are mounted there that nobody else can take",
            ),
            Parameter::new("Wait", Kind::Switch, "Wait until it has started anew and its agent is there"),
            Parameter::new("Limit", Kind::Span, "How long to wait; 5 minutes if you do not say"),
            Parameter::new("Comment", Kind::Text, "Why, for those who look later").or(&["Reason"]),
        ]
    },
    examples: &["Restart-Computer mbx1 -Wait -Comment 'new kernel'"],
    position: Position::First,
    prepare: |given| {
        let (server, wait) = (given.needed("ComputerName"), given.switch("Wait"));
        let limit = given.span("Limit").unwrap_or(USUAL);
        let (reason, force) = (given.text("Comment"), given.switch("Force"));
        Ok(Box::new(move |session, _| {
            let agents = session.agents()?;
            let request = RestartRequest { reason, force, id: id() };
            let begun = agents.send(&RestartServer { server: server.clone() }, &request)?;
            session.screen.note(format_args!("{server}: {}", begun.outcome));
            if wait {
                await_return(agents, &server, begun.boot_id.as_ref(), limit)?;
                session.screen.note(format_args!("{server} is back"));
            }
            Ok(Vec::new())
        }))
    },
};
