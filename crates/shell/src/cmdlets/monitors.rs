//! `Get-MonitoringItemIdentity`, `Get-MonitoringItemHelp` and `Set-ServerMonitor`: what is watched, what it does, and that
//! somebody is at it.

use admin_api::Listing;
use admin_api::routes::{MonitoringItemHelp, MonitoringItems, SetRepairing};
use admin_api::rows::{ItemHelp, ItemQuery, ItemRow, ItemsQuery, RepairingRequest};

use super::health::monitor;
use super::rows::values;
use super::{Cmdlet, Kind, Parameter, Position};
use crate::values::Object;

pub(super) const GET_IDENTITY: Cmdlet = Cmdlet {
    name: "Get-MonitoringItemIdentity",
    aliases: &[],
    summary: "Lists the probes and monitors of a health set, with their targets",
    parameters: || {
        vec![
            Parameter::new("Identity", Kind::Text, "The health set; all if you do not say")
                .or(&["HealthSet"])
                .positional(),
            Parameter::new("Server", Kind::Text, "Only those of this server"),
        ]
    },
    examples: &[
        "Get-MonitoringItemIdentity POP -Server cas1",
        "Get-MonitoringItemIdentity | ?{$_.ItemType -eq \"Monitor\"} | group Server",
    ],
    position: Position::First,
    prepare: |given| {
        let query = ItemsQuery { health_set: given.text("Identity"), server: given.text("Server") };
        Ok(Box::new(move |session, _| {
            Ok(values(session, session.agents()?.get(&MonitoringItems {}, &query)?, item))
        }))
    },
};

fn item(row: ItemRow) -> Object {
    Object::shown_by(&["Server", "Identity", "ItemType", "Name", "TargetResource"])
        .with("Server", row.server)
        .with("Identity", row.identity)
        .with("ItemType", row.item_type)
        .with("Name", row.name)
        .with("HealthSetName", row.health_set)
        .with("TargetResource", row.target_resource)
}

pub(super) const GET_HELP: Cmdlet = Cmdlet {
    name: "Get-MonitoringItemHelp",
    aliases: &[],
    summary: "Says what a probe or monitor does, how it judges, and what is done about it",
    parameters: || {
        vec![Parameter::new("Identity", Kind::Text, r"The item: SET\ITEM").positional().mandatory()]
    },
    examples: &[r"Get-MonitoringItemHelp POP\AverageCommandProcessingTimeGt60sMonitor"],
    position: Position::First,
    prepare: |given| {
        let query = ItemQuery { identity: given.needed("Identity") };
        Ok(Box::new(move |session, _| {
            Ok(vec![help(session.agents()?.get(&MonitoringItemHelp {}, &query)?).into()])
        }))
    },
};

fn help(row: ItemHelp) -> Object {
    Object::default()
        .with("Identity", row.identity)
        .with("ItemType", row.item_type)
        .with("What", row.what)
        .with("How", row.how)
        .with("DependsOn", row.depends_on)
        .with("Recovery", row.recovery.join("\n"))
        .with("Notes", row.notes)
}

pub(super) const SET: Cmdlet = Cmdlet {
    name: "Set-ServerMonitor",
    aliases: &[],
    summary: "Says that what a monitor watches is being repaired, or no longer",
    parameters: || {
        vec![
            Parameter::new("Server", Kind::Text, "The server").mandatory(),
            Parameter::new("Name", Kind::Text, "The monitor").positional().mandatory(),
            Parameter::new("TargetResource", Kind::Text, "Only for this target"),
            Parameter::new(
                "Repairing",
                Kind::Boolean,
                "$true: it is Repairing, and nothing is done about it",
            )
            .mandatory(),
            Parameter::new("Comment", Kind::Text, "Why, for those who look later").or(&["Reason"]),
        ]
    },
    examples: &["Set-ServerMonitor PopDeepTestMonitor -Server mbx1 -TargetResource DB01 -Repairing $true"],
    position: Position::First,
    prepare: |given| {
        let route = SetRepairing { server: given.needed("Server"), monitor: given.needed("Name") };
        let request = RepairingRequest {
            repairing: given.boolean("Repairing").unwrap_or(false),
            target_resource: given.text("TargetResource"),
            reason: given.text("Comment"),
        };
        Ok(Box::new(move |session, _| {
            let marked: Listing<_> = session.agents()?.send(&route, &request)?;
            Ok(values(session, marked, monitor))
        }))
    },
};
