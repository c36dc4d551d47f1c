//! `Group-Object`: how many objects have each value of a property.

use super::ordering::{are_known, property};
use crate::cmdlets::{Cmdlet, Kind, Parameter, Position};
use crate::values::{Object, Value};

pub(crate) const GROUP: Cmdlet = Cmdlet {
    name: "Group-Object",
    aliases: &["group"],
    summary: "Counts the objects that have the same properties",
    parameters: || {
        vec![
            Parameter::new("Property", Kind::Texts, "The properties that are the same")
                .positional()
                .mandatory(),
            Parameter::new("NoElement", Kind::Switch, "Count them, and leave the objects themselves out"),
        ]
    },
    examples: &["Get-MailboxDatabaseCopyStatus -Server mbx1 | group Status"],
    position: Position::Later,
    prepare: |given| {
        let (names, counted_only) = (given.texts("Property"), given.switch("NoElement"));
        Ok(Box::new(move |session, values| {
            are_known(&names, &values)?;
            // In the order in which they first appear.
            let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
            for value in values {
                let texts: Vec<_> =
                    names.iter().map(|name| property(&value, name).text(session.screen)).collect();
                let name = texts.join(", ");
                match groups.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                    Some((_, group)) => group.push(value),
                    None => groups.push((name, vec![value])),
                }
            }
            let group = |(name, group): (String, Vec<Value>)| {
                let object =
                    Object::shown_by(&["Count", "Name"]).with("Count", group.len()).with("Name", name);
                Value::from(if counted_only { object } else { object.with("Group", Value::List(group)) })
            };
            Ok(groups.into_iter().map(group).collect())
        }))
    },
};
