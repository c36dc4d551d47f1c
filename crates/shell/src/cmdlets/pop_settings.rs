//! `Get-PopSettings` and `Set-PopSettings`.

use std::collections::BTreeMap;

use admin_api::routes::{PopSettings, Servers, SetPopSettings};
use admin_api::rows::{ByServer, PopSettingsRequest, PopSettingsRow};
use admin_api::{Kind as ProblemKind, Nothing, Problem};
use settings::Section;

use super::rows::values;
use super::{Cmdlet, Kind, Parameter, Position, Session};
use crate::failure::Outcome;
use crate::language::Mistake;
use crate::values::{Object, Value};

pub(super) const GET: Cmdlet = Cmdlet {
    name: "Get-PopSettings",
    aliases: &[],
    summary: "Shows the POP3 settings that hold on servers, and where their protocol logs are",
    parameters: || {
        vec![Parameter::new("Server", Kind::Text, "Only this server").or(&["Identity"]).positional()]
    },
    examples: &[
        "Get-PopSettings -Server cas1 | Format-List",
        "Get-PopSettings | ft Server, LoginType, Banner",
    ],
    position: Position::First,
    prepare: |given| {
        let query = ByServer { server: given.text("Server") };
        Ok(Box::new(move |session, _| {
            Ok(values(session, session.agents()?.get(&PopSettings {}, &query)?, object))
        }))
    },
};

/// The setting that says where the protocol log is.
const LOCATION: &str = "LogFileLocation";

fn object(row: PopSettingsRow) -> Object {
    let columns = &["Server", "ProtocolLogEnabled", LOCATION, "LoginType", "MaxConnections"];
    let object = Object::shown_by(columns).with("Server", row.server);
    row.settings.into_iter().fold(object, |object, setting| {
        // Where the file is, and not only what it is called.
        let text = if setting.name == LOCATION { row.protocol_log.clone() } else { setting.value };
        object.with(setting.name, value(&text))
    })
}

fn value(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        other => other.parse::<u64>().map_or_else(|_| other.into(), Value::from),
    }
}

pub(super) const SET: Cmdlet = Cmdlet {
    name: "Set-PopSettings",
    aliases: &[],
    summary: "Changes POP3 settings of a server; they take effect at once and survive restarts",
    parameters: || {
        let server = "The server; not needed if there is only one";
        let mut parameters = vec![
            Parameter::new("Server", Kind::Text, server).or(&["Identity"]),
            Parameter::new("Comment", Kind::Text, "Why, for those who look later").or(&["Reason"]),
        ];
        parameters.extend(settings::PopSettings::settings().iter().map(|setting| {
            let parameter = Parameter::new(setting.name, Kind::Any, setting.doc);
            if setting.name == "ProtocolLogEnabled" {
                parameter.or(&["ProtocolLoggingEnabled"])
            } else {
                parameter
            }
        }));
        parameters
    },
    examples: &[
        "Set-PopSettings -Server cas1 -ProtocolLogEnabled $true",
        "Set-PopSettings -Server cas1 -MaxConnections 500 -SSLBindings 192.0.2.1:995, [2001:db8::1]:995",
    ],
    position: Position::First,
    prepare: |given| {
        let names = given.names().filter(|name| settings::PopSettings::find(name).is_ok());
        let set: BTreeMap<_, _> = names.map(|name| (name.to_owned(), given.needed(name))).collect();
        if set.is_empty() {
            let instead = "write a setting and its value, as in -ProtocolLogEnabled $true";
            return Err(Mistake::new(given.command, "nothing is to be set", instead));
        }
        let (server, reason) = (given.text("Server"), given.text("Comment"));
        Ok(Box::new(move |session, _| {
            let server = match server {
                Some(server) => server,
                None => only_server(session)?,
            };
            let request = PopSettingsRequest { set, unset: Vec::new(), reason };
            let change = session.agents()?.send(&SetPopSettings { server }, &request)?;
            for line in change.changes {
                session.screen.note(format_args!("{}: {line}", change.now.server));
            }
            Ok(Vec::new())
        }))
    },
};

fn only_server(session: &Session<'_>) -> Outcome<String> {
    let servers = session.agents()?.get(&Servers {}, &Nothing {})?.rows;
    let names: Vec<_> = servers.iter().map(|row| row.name.as_str()).collect();
    match names.as_slice() {
        [only] => Ok((*only).to_owned()),
        several => {
            let what = format!("say which server with -Server: {}", several.join(", "));
            Err(Problem::new(ProblemKind::BadInput, what).into())
        }
    }
}
