//! `Get-ServerComponentState` and `Set-ServerComponentState`.

use admin_api::routes::{Components, SetComponent};
use admin_api::rows::{ByServer, ComponentRequest, ComponentRow, ComponentState};

use super::rows::{pascal, service, values};
use super::{Cmdlet, Kind, Parameter, Position};
use crate::values::{Object, Value};

pub(super) const GET: Cmdlet = Cmdlet {
    name: "Get-ServerComponentState",
    aliases: &[],
    summary: "Shows whether the components of servers take traffic, and what every requester asks for",
    parameters: || {
        vec![
            Parameter::new("Identity", Kind::Text, "Only components of this server")
                .or(&["Server"])
                .positional(),
            Parameter::new("Component", Kind::Text, "Only this component"),
        ]
    },
    examples: &["Get-ServerComponentState cas1", "Get-ServerComponentState cas1 | Format-List"],
    position: Position::First,
    prepare: |given| {
        let query = ByServer { server: given.text("Identity") };
        let component = given.text("Component");
        Ok(Box::new(move |session, _| {
            let mut listing = session.agents()?.get(&Components {}, &query)?;
            if let Some(component) = component {
                let wanted = |row: &ComponentRow| {
                    [component.as_str(), service(&component)]
                        .iter()
                        .any(|name| row.component.eq_ignore_ascii_case(name))
                };
                listing.rows.retain(wanted);
            }
            Ok(values(session, listing, |row| object(&row)))
        }))
    },
};

fn object(row: &ComponentRow) -> Object {
    let requesters: Vec<_> = row
        .requests
        .iter()
        .map(|wish| format!("{}: {}", wish.requester, pascal(wish.state.word())))
        .collect();
    let states = row.requests.iter().map(|wish| {
        let state = Object::default()
            .with("Requester", wish.requester.as_str())
            .with("State", pascal(wish.state.word()))
            .with("Timestamp", &wish.at)
            .with("Reason", wish.reason.clone());
        Value::from(state)
    });
    Object::shown_by(&["Server", "Component", "State", "Requesters"])
        .with("Server", row.server.as_str())
        .with("Component", row.component.as_str())
        .with("State", pascal(row.state.word()))
        .with("Requesters", requesters)
        .with("LocalStates", Value::List(states.collect()))
}

pub(super) const SET: Cmdlet = Cmdlet {
    name: "Set-ServerComponentState",
    aliases: &[],
    summary: "Asks for a state of a component in the name of a requester; the worst that anybody asks for holds",
    parameters: || {
        vec![
            Parameter::new("Identity", Kind::Text, "The server").or(&["Server"]).positional().mandatory(),
            Parameter::new("Component", Kind::Text, "The component, such as PopProxy").mandatory(),
            Parameter::new("State", Kind::Word(&["Active", "Draining", "Inactive"]), "What is asked for")
                .mandatory(),
            Parameter::new("Requester", Kind::Text, "In whose name; without it, in yours"),
            Parameter::new("Comment", Kind::Text, "Why, for those who look later").or(&["Reason"]),
        ]
    },
    examples: &["Set-ServerComponentState cas1 -Component PopProxy -Requester Maintenance -State Draining"],
    position: Position::First,
    prepare: |given| {
        let component = service(&given.needed("Component")).to_owned();
        let endpoint = SetComponent { server: given.needed("Identity"), component };
        let state = match given.needed("State").as_str() {
            "Active" => ComponentState::Active,
            "Draining" => ComponentState::Draining,
            _ => ComponentState::Inactive,
        };
        let request =
            ComponentRequest { state, reason: given.text("Comment"), requester: given.text("Requester") };
        // What holds is shown, for it may be worse than what was asked for.
        Ok(Box::new(move |session, _| Ok(vec![object(&session.agents()?.send(&endpoint, &request)?).into()])))
    },
};
