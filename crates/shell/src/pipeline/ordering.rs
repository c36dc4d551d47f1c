//! `Sort-Object`.

use std::cmp::Ordering;

use super::testing::unknown_property;
use crate::cmdlets::{Cmdlet, Kind, Parameter, Position};
use crate::language::{Located, Mistake};
use crate::values::Value;

pub(crate) const SORT: Cmdlet = Cmdlet {
    name: "Sort-Object",
    aliases: &["sort"],
    summary: "Sorts objects by their properties",
    parameters: || {
        vec![
            Parameter::new("Property", Kind::Texts, "By what, the most important first").positional(),
            Parameter::new("Descending", Kind::Switch, "The greatest first"),
        ]
    },
    examples: &["Get-MailboxDatabaseCopyStatus | Sort-Object Status, Name -Descending"],
    position: Position::Later,
    prepare: |given| {
        let (names, descending) = (given.texts("Property"), given.switch("Descending"));
        Ok(Box::new(move |session, mut values| {
            are_known(&names, &values)?;
            // What is alike stays in its order.
            values.sort_by(|one, other| {
                let order = if names.is_empty() {
                    one.order(other, session.screen)
                } else {
                    let by = |name: &Located<String>| {
                        property(one, name).order(&property(other, name), session.screen)
                    };
                    names.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
                };
                if descending { order.reverse() } else { order }
            });
            Ok(values)
        }))
    },
};

/// A property, or nothing.
pub(super) fn property(value: &Value, name: &Located<String>) -> Value {
    value.property(&name.what).unwrap_or(Value::Null)
}

/// That some value has each of the properties.
pub(super) fn are_known(names: &[Located<String>], values: &[Value]) -> Result<(), Mistake> {
    let nobodys = |name: &&Located<String>| values.iter().all(|value| value.property(&name.what).is_none());
    match names.iter().find(nobodys) {
        Some(name) if !values.is_empty() => Err(unknown_property(name, values)),
        _ => Ok(()),
    }
}
