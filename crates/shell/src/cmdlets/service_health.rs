//! `Test-ServiceHealth`: whether everything runs that the roles of a server need.

use admin_api::routes::{Servers, Services};
use admin_api::rows::{ByServer, ServerRole, ServiceRow, ServiceState};
use admin_api::{Listing, Nothing};

use super::rows::{one, values};
use super::{Cmdlet, Kind, Parameter, Position};
use crate::failure::Failure;
use crate::values::Object;

pub(super) const TEST: Cmdlet = Cmdlet {
    name: "Test-ServiceHealth",
    aliases: &[],
    summary: "Tests whether all services run that the roles of the servers need",
    parameters: || {
        vec![Parameter::new("Server", Kind::Text, "Only this server").or(&["Identity"]).positional()]
    },
    examples: &["Test-ServiceHealth mbx1", "Test-ServiceHealth | ?{-not $_.RequiredServicesRunning}"],
    position: Position::First,
    prepare: |given| {
        let server = given.text("Server");
        Ok(Box::new(move |session, _| {
            let agents = session.agents()?;
            let mut servers = agents.get(&Servers {}, &Nothing {})?.rows;
            if let Some(wanted) = &server {
                servers = vec![one(servers, "server", wanted, |row| &row.name).map_err(Failure::from)?];
            }
            let services = agents.get(&Services {}, &ByServer { server })?;
            let silent = |name: &str| services.unanswered.iter().any(|missing| missing.server == name);
            let roles = servers.iter().filter(|row| !silent(&row.name));
            let roles = roles.flat_map(|row| row.roles.iter().map(|role| (row.name.as_str(), *role)));
            let rows = roles.map(|(server, role)| object(server, role, &services.rows)).collect();
            Ok(values(session, Listing { rows, unanswered: services.unanswered.clone() }, |row| row))
        }))
    },
};

fn object(server: &str, role: ServerRole, services: &[ServiceRow]) -> Object {
    let (name, needed) = match role {
        ServerRole::Mailbox => ("Mailbox Server Role", ["agent", "backend"]),
        ServerRole::ClientAccess => ("Client Access Server Role", ["agent", "frontend"]),
    };
    let runs = |service: &&str| {
        services
            .iter()
            .any(|row| row.server == server && row.service == *service && row.state == ServiceState::Running)
    };
    let (running, stopped): (Vec<&str>, Vec<&str>) = needed.into_iter().partition(runs);
    Object::shown_by(&["Server", "Role", "RequiredServicesRunning", "ServicesRunning", "ServicesNotRunning"])
        .with("Server", server)
        .with("Role", name)
        .with("RequiredServicesRunning", stopped.is_empty())
        .with("ServicesRunning", running)
        .with("ServicesNotRunning", stopped)
}
