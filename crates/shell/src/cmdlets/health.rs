//! `Get-ServerHealth` and `Get-HealthReport`: what the monitors say.

use admin_api::routes::{Health, HealthReport};
use admin_api::rows::{HealthQuery, HealthSetRow, MonitorRow};

use super::rows::values;
use super::{Cmdlet, Given, Kind, Parameter, Position};
use crate::values::Object;

pub(super) const GET_SERVER_HEALTH: Cmdlet = Cmdlet {
    name: "Get-ServerHealth",
    aliases: &[],
    summary: "Shows what each monitor of a server says, and why",
    parameters: || {
        let mut parameters = of_server();
        let impacting = "Only monitors that decide where databases are served";
        parameters.push(Parameter::new("HaImpactingOnly", Kind::Switch, impacting));
        parameters
    },
    examples: &[
        "Get-ServerHealth cas1 | ?{$_.HealthSetName -eq \"POP\"}",
        "Get-ServerHealth mbx1 | ?{$_.AlertValue -ne \"Healthy\"} | fl Name, TargetResource, Why, Blame",
    ],
    position: Position::First,
    prepare: |given| {
        let query = HealthQuery { ha_impacting_only: given.switch("HaImpactingOnly"), ..query(&given) };
        Ok(Box::new(move |session, _| {
            Ok(values(session, session.agents()?.get(&Health {}, &query)?, monitor))
        }))
    },
};

pub(super) const GET_HEALTH_REPORT: Cmdlet = Cmdlet {
    name: "Get-HealthReport",
    aliases: &[],
    summary: "Shows what each health set of a server comes to: as bad as its worst monitor",
    parameters: of_server,
    examples: &["Get-HealthReport cas1", "Get-HealthReport mbx1 -HealthSet POP.Protocol | fl"],
    position: Position::First,
    prepare: |given| {
        let query = query(&given);
        Ok(Box::new(move |session, _| {
            Ok(values(session, session.agents()?.get(&HealthReport {}, &query)?, health_set))
        }))
    },
};

fn of_server() -> Vec<Parameter> {
    vec![
        Parameter::new("Identity", Kind::Text, "The server").or(&["Server"]).positional().mandatory(),
        Parameter::new("HealthSet", Kind::Text, "Only this health set"),
    ]
}

fn query(given: &Given) -> HealthQuery {
    HealthQuery {
        server: given.text("Identity"),
        health_set: given.text("HealthSet"),
        ha_impacting_only: false,
    }
}

/// What a monitor says.
pub(super) fn monitor(row: MonitorRow) -> Object {
    let columns =
        &["Server", "State", "Name", "TargetResource", "HealthSetName", "AlertValue", "ServerComponent"];
    Object::shown_by(columns)
        .with("Server", row.server)
        .with("State", row.state)
        .with("Name", row.name)
        .with("TargetResource", row.target_resource)
        .with("HealthSetName", row.health_set)
        .with("HealthGroupName", row.health_group)
        .with("AlertValue", row.alert_value)
        .with("ServerComponent", row.server_component)
        .with("CurrentHealthSetState", row.current_health_set_state)
        .with("LastTransitionTime", &row.last_transition_time)
        .with("Why", row.why)
        .with("Blame", row.blame)
        .with("MailboxServer", row.mailbox_server)
        .with("Database", row.database)
}

fn health_set(row: HealthSetRow) -> Object {
    let columns = &["Server", "State", "HealthSet", "AlertValue", "LastTransitionTime", "MonitorCount"];
    Object::shown_by(columns)
        .with("Server", row.server)
        .with("State", row.state)
        .with("HealthSet", row.health_set)
        .with("HealthGroup", row.health_group)
        .with("AlertValue", row.alert_value)
        .with("LastTransitionTime", &row.last_transition_time)
        .with("MonitorCount", row.monitor_count)
        .with("Why", row.why)
}
