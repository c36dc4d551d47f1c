//! `ConvertTo-Json`.

use crate::cmdlets::{Cmdlet, Kind, Parameter, Position};
use crate::failure::Failure;
use crate::values::Value;

pub(crate) const CONVERT_TO_JSON: Cmdlet = Cmdlet {
    name: "ConvertTo-Json",
    aliases: &[],
    summary: "Makes JSON of what comes: one object as such, several as an array",
    parameters: || vec![Parameter::new("Compress", Kind::Switch, "In one line")],
    examples: &["Get-MailboxDatabaseCopyStatus -Server mbx1 | ConvertTo-Json"],
    position: Position::Last,
    prepare: |given| {
        let compress = given.switch("Compress");
        Ok(Box::new(move |session, values| {
            let value = match <[Value; 1]>::try_from(values) {
                Ok([only]) => only,
                Err(values) => Value::List(values),
            };
            if compress {
                session.screen.say(serde_json::to_string(&value).map_err(Failure::failed)?)?;
            } else {
                session.screen.json(&value)?;
            }
            Ok(Vec::new())
        }))
    },
};
