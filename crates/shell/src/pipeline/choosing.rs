//! `Select-Object`: some properties, or some of the objects. Also how all commands take names of properties.

use super::testing::unknown_property;
use super::wildcard;
use crate::cmdlets::{Cmdlet, Kind, Parameter, Position, Trouble};
use crate::language::{Located, Mistake};
use crate::values::{Object, Value};

pub(crate) const SELECT: Cmdlet = Cmdlet {
    name: "Select-Object",
    aliases: &["select"],
    summary: "Gives on some properties of the objects, or some of the objects",
    parameters: || {
        vec![
            Parameter::new("Property", Kind::Texts, "The properties to keep; * stands for any letters")
                .positional(),
            Parameter::new("First", Kind::Number, "Only so many, from the beginning"),
            Parameter::new("Last", Kind::Number, "Only so many, from the end"),
            Parameter::new("ExpandProperty", Kind::Text, "The value of this property in place of the object"),
        ]
    },
    examples: &[
        "Get-MailboxDatabaseCopyStatus | Select-Object Name, Status -First 2",
        "Get-MailboxDatabase | select -ExpandProperty Name",
    ],
    position: Position::Later,
    prepare: |given| {
        let (properties, expand) =
            (given.texts("Property"), given.texts("ExpandProperty").into_iter().next());
        let (first, last) = (given.number("First"), given.number("Last"));
        if let (false, Some(expand)) = (properties.is_empty(), &expand) {
            let what = "a value in place of the object has no other properties";
            return Err(Mistake::new(
                expand.place.clone(),
                what,
                "write -Property or -ExpandProperty, not both",
            ));
        }
        Ok(Box::new(move |_, values| {
            let values = some_of(values, first, last);
            match expand {
                Some(expand) => expanded(&expand, &values),
                None if properties.is_empty() => Ok(values),
                None => Ok(chosen(&properties, &values)?.into_iter().map(Value::Object).collect()),
            }
        }))
    },
};

/// Those at the beginning, those at the end, or both; in their order, and none twice.
fn some_of(values: Vec<Value>, first: Option<usize>, last: Option<usize>) -> Vec<Value> {
    let count = values.len();
    let from_end = |last: usize| count.saturating_sub(last);
    let wanted = |index: usize| match (first, last) {
        (None, None) => true,
        (first, last) => index < first.unwrap_or(0) || last.is_some_and(|last| index >= from_end(last)),
    };
    values.into_iter().enumerate().filter(|(index, _)| wanted(*index)).map(|(_, value)| value).collect()
}

/// The values of one property; a list gives each of its values.
fn expanded(name: &Located<String>, values: &[Value]) -> Result<Vec<Value>, Trouble> {
    let found: Vec<_> = values.iter().filter_map(|value| value.property(&name.what)).collect();
    if found.is_empty() && !values.is_empty() {
        return Err(unknown_property(name, values).into());
    }
    let each = found.into_iter().flat_map(|value| match value {
        Value::List(values) => values,
        Value::Null => Vec::new(),
        value => vec![value],
    });
    Ok(each.collect())
}

/// The objects with the properties that are named, in the order in which they are named.
pub(super) fn chosen(names: &[Located<String>], values: &[Value]) -> Result<Vec<Object>, Mistake> {
    let mut chosen = vec![Object::default(); values.len()];
    for name in names {
        let one_name = !name.what.contains(['*', '?']);
        if one_name && !values.is_empty() && values.iter().all(|value| own(value, &name.what).is_none()) {
            return Err(unknown_property(name, values));
        }
        let pattern = wildcard(&name.what, &name.place)?;
        for (object, value) in chosen.iter_mut().zip(values) {
            let found = match value {
                Value::Object(known) => {
                    known.properties().filter(|(name, _)| pattern.is_match(name)).collect()
                }
                _ => Vec::new(),
            };
            if found.is_empty() && one_name {
                add(object, &name.what, Value::Null);
            }
            for (name, value) in found {
                add(object, name, value.clone());
            }
        }
    }
    Ok(chosen)
}

fn own<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(object) => object.get(name),
        _ => None,
    }
}

/// Adds a property, unless it is there.
fn add(object: &mut Object, name: &str, value: Value) {
    if object.get(name).is_none() {
        *object = std::mem::take(object).with(name.to_owned(), value);
    }
}
