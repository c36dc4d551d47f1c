//! `Add-`, `Get-` and `Remove-ServerMonitoringOverride`, and the same for every server: `GlobalMonitoringOverride`.

use admin_api::routes::{AddOverride, MonitoringItemHelp, Overrides, RemoveOverride};
use admin_api::rows::{ItemQuery, OverrideRequest, OverrideRow, OverridesQuery};
use admin_api::{Kind as ProblemKind, Nothing, Problem};

use super::rows::values;
use super::{Cmdlet, Given, Kind, Parameter, Position, Prepared, Session};
use crate::failure::Outcome;
use crate::language::Mistake;
use crate::values::Object;

const ITEM_TYPES: &[&str] = &["Probe", "Monitor"];

pub(super) const ADD_SERVER: Cmdlet = Cmdlet {
    name: "Add-ServerMonitoringOverride",
    aliases: &[],
    summary: "Changes a property of a probe or monitor on one server, for a time",
    parameters: || with_server(change()),
    examples: &[
        r"Add-ServerMonitoringOverride POP\PopCTPProbe\DB01 -Server cas1 -ItemType Probe -PropertyName Enabled \
                  -PropertyValue $false -Duration 02:00:00 -Reason 'new disk'",
    ],
    position: Position::First,
    prepare: |given| add(&given),
};

pub(super) const ADD_GLOBAL: Cmdlet = Cmdlet {
    name: "Add-GlobalMonitoringOverride",
    aliases: &[],
    summary: "Changes a property of a probe or monitor on every server, for a time",
    parameters: change,
    examples: &[r"Add-GlobalMonitoringOverride POP\PopCTPMonitor -ItemType Monitor -PropertyName Failures \
                  -PropertyValue 5 -Duration 1.00:00:00 -Reason 'slow link'"],
    position: Position::First,
    prepare: |given| add(&given),
};

pub(super) const GET_SERVER: Cmdlet = Cmdlet {
    name: "Get-ServerMonitoringOverride",
    aliases: &[],
    summary: "Shows the overrides that hold on one server alone",
    parameters: || vec![Parameter::new("Server", Kind::Text, "The server").positional().mandatory()],
    examples: &["Get-ServerMonitoringOverride -Server cas1"],
    position: Position::First,
    prepare: |given| Ok(get(OverridesQuery { server: given.text("Server"), global_only: false })),
};

pub(super) const GET_GLOBAL: Cmdlet = Cmdlet {
    name: "Get-GlobalMonitoringOverride",
    aliases: &[],
    summary: "Shows the overrides that hold everywhere",
    parameters: Vec::new,
    examples: &["Get-GlobalMonitoringOverride | fl"],
    position: Position::First,
    prepare: |_| Ok(get(OverridesQuery { server: None, global_only: true })),
};

pub(super) const REMOVE_SERVER: Cmdlet = Cmdlet {
    name: "Remove-ServerMonitoringOverride",
    aliases: &[],
    summary: "Removes an override of one server before its time",
    parameters: || with_server(which()),
    examples: &[
        r"Remove-ServerMonitoringOverride POP\PopCTPProbe\DB01 -Server cas1 -ItemType Probe -PropertyName Enabled",
    ],
    position: Position::First,
    prepare: |given| Ok(remove(&given)),
};

pub(super) const REMOVE_GLOBAL: Cmdlet = Cmdlet {
    name: "Remove-GlobalMonitoringOverride",
    aliases: &[],
    summary: "Removes an override of every server before its time",
    parameters: which,
    examples: &[
        r"Remove-GlobalMonitoringOverride POP\PopCTPMonitor -ItemType Monitor -PropertyName Failures",
    ],
    position: Position::First,
    prepare: |given| Ok(remove(&given)),
};

/// What says which override is meant.
fn which() -> Vec<Parameter> {
    vec![
        Parameter::new("Identity", Kind::Text, r"The item: SET\ITEM, or SET\ITEM\TARGET")
            .positional()
            .mandatory(),
        Parameter::new("ItemType", Kind::Word(ITEM_TYPES), "What the item is").mandatory(),
        Parameter::new("PropertyName", Kind::Text, "The property, as Get-MonitoringItemHelp explains it")
            .mandatory(),
    ]
}

/// What says what is changed, and for how long.
fn change() -> Vec<Parameter> {
    let mut parameters = which();
    parameters.extend([
        Parameter::new("PropertyValue", Kind::Any, "Its value meanwhile").mandatory(),
        Parameter::new("Duration", Kind::Span, "After how long it ends by itself").mandatory(),
        Parameter::new("Reason", Kind::Text, "Why, for those who will find it").or(&["Comment"]).mandatory(),
    ]);
    parameters
}

fn with_server(mut parameters: Vec<Parameter>) -> Vec<Parameter> {
    parameters.push(Parameter::new("Server", Kind::Text, "The server").mandatory());
    parameters
}

fn add(given: &Given) -> Result<Prepared, Mistake> {
    let for_seconds = given.span("Duration").map_or(0, |span| span.duration().as_secs());
    if for_seconds == 0 {
        let instead = "write at least 00:00:01";
        return Err(Mistake::new(given.place("Duration"), "that is no time at all", instead));
    }
    let item_type = given.needed("ItemType");
    let request = OverrideRequest {
        identity: given.needed("Identity"),
        property_name: given.needed("PropertyName"),
        property_value: given.needed("PropertyValue"),
        server: given.text("Server"),
        for_seconds,
        reason: given.needed("Reason"),
    };
    Ok(Box::new(move |session, _| {
        of_type(session, &request.identity, &item_type)?;
        Ok(vec![object(session.agents()?.send(&AddOverride {}, &request)?).into()])
    }))
}

/// Nothing is changed of a monitor by whoever means a probe.
fn of_type(session: &Session<'_>, identity: &str, item_type: &str) -> Outcome {
    let query = ItemQuery { identity: identity.to_owned() };
    let item = session.agents()?.get(&MonitoringItemHelp {}, &query)?;
    if item.item_type == item_type {
        return Ok(());
    }
    let what = format!("{} is a {}; write -ItemType {}", item.identity, item.item_type, item.item_type);
    Err(Problem::new(ProblemKind::BadInput, what).into())
}

fn get(query: OverridesQuery) -> Prepared {
    Box::new(move |session, _| Ok(values(session, session.agents()?.get(&Overrides {}, &query)?, object)))
}

fn remove(given: &Given) -> Prepared {
    let (identity, item_type) = (given.needed("Identity"), given.needed("ItemType"));
    let (property, server) = (given.needed("PropertyName"), given.text("Server"));
    Box::new(move |session, _| {
        let agents = session.agents()?;
        let query = OverridesQuery { global_only: server.is_none(), server };
        let rows = agents.get(&Overrides {}, &query)?.rows;
        let wanted = format!("{identity} {property}");
        let meant = |row: &&OverrideRow| {
            row.item_type == item_type
                && format!("{} {}", item(row), row.property_name).eq_ignore_ascii_case(&wanted)
        };
        let Some(found) = rows.iter().find(meant) else {
            let known: Vec<_> =
                rows.iter().map(|row| format!("{} {}", item(row), row.property_name)).collect();
            let problem = Problem::unknown("override", &wanted, known.iter().map(String::as_str));
            return Err(crate::failure::Failure::from(problem).into());
        };
        let id = found.id.clone();
        Ok(vec![object(agents.send(&RemoveOverride { id }, &Nothing {})?).into()])
    })
}

/// The item that an override is about, with its target.
fn item(row: &OverrideRow) -> String {
    let target = row.target_resource.as_ref().map(|target| format!("\\{target}")).unwrap_or_default();
    format!("{}\\{}{target}", row.health_set, row.monitoring_item_name)
}

fn object(row: OverrideRow) -> Object {
    let columns =
        &["MonitoringItemName", "TargetResource", "PropertyName", "PropertyValue", "ExpirationTime"];
    Object::shown_by(columns)
        .with("Identity", item(&row))
        .with("ItemType", row.item_type)
        .with("PropertyName", row.property_name)
        .with("PropertyValue", row.property_value)
        .with("HealthSetName", row.health_set)
        .with("MonitoringItemName", row.monitoring_item_name)
        .with("TargetResource", row.target_resource)
        .with("Server", row.server)
        .with("ExpirationTime", &row.expiration_time)
        .with("CreatedBy", row.created_by)
        .with("CreatedTime", &row.created_time)
        .with("Reason", row.reason)
        .with("Id", row.id)
}
