//! `Format-Table` and `Format-List`, and what is shown if a pipeline does not say.

use super::choosing::chosen;
use crate::cmdlets::{Cmdlet, Kind, Parameter, Position, Session};
use crate::columns::list;
use crate::failure::Outcome;
use crate::screen::{Format, Screen};
use crate::values::{Object, Value};

pub(crate) const FORMAT_TABLE: Cmdlet = Cmdlet {
    name: "Format-Table",
    aliases: &["ft"],
    summary: "Shows objects as a table",
    parameters: || {
        vec![
            Parameter::new("Property", Kind::Texts, "The columns; * stands for any letters").positional(),
            Parameter::new(
                "AutoSize",
                Kind::Switch,
                "Columns as wide as what is in them, as they always are",
            ),
        ]
    },
    examples: &["Get-MailboxDatabase | ft Name, Server -AutoSize"],
    position: Position::Last,
    prepare: |given| {
        let names = given.texts("Property");
        Ok(Box::new(move |session, values| {
            if names.is_empty() {
                formatted(session, &values, Format::Table)?;
            } else {
                let objects: Vec<_> = chosen(&names, &values)?.into_iter().map(Value::Object).collect();
                formatted(session, &objects, Format::Table)?;
            }
            Ok(Vec::new())
        }))
    },
};

pub(crate) const FORMAT_LIST: Cmdlet = Cmdlet {
    name: "Format-List",
    aliases: &["fl"],
    summary: "Shows objects as lists, with all their properties",
    parameters: || {
        vec![
            Parameter::new("Property", Kind::Texts, "Only these properties; * stands for any letters")
                .positional(),
        ]
    },
    examples: &["Get-MailboxServer mbx1 | Format-List", "Get-PopSettings -Server cas1 | fl Server, *Log*"],
    position: Position::Last,
    prepare: |given| {
        let names = given.texts("Property");
        Ok(Box::new(move |session, values| {
            if names.is_empty() {
                formatted(session, &values, Format::List)?;
            } else {
                let objects: Vec<_> = chosen(&names, &values)?.into_iter().map(Value::Object).collect();
                formatted(session, &objects, Format::List)?;
            }
            Ok(Vec::new())
        }))
    },
};

/// How many properties make a table if nobody says which.
const TABLE: usize = 5;

/// Shows what comes out of a pipeline that does not say how.
pub(super) fn show(session: &Session<'_>, values: &[Value]) -> Outcome {
    if session.format == Format::Json {
        return session.screen.json(values);
    }
    each_kind(session.screen, values, |objects| {
        let columns = objects.first().map_or(0, |first| first.columns().len());
        let few = objects.first().is_some_and(|first| first.names().count() <= TABLE);
        if session.format == Format::Table && (columns > 0 || few) {
            table(session.screen, objects)
        } else {
            as_list(session.screen, objects)
        }
    })
}

/// Shows values in a form, but for programs, which get JSON all the same.
fn formatted(session: &Session<'_>, values: &[Value], format: Format) -> Outcome {
    if session.format == Format::Json {
        return session.screen.json(values);
    }
    each_kind(session.screen, values, |objects| match format {
        Format::Table => table(session.screen, objects),
        _ => as_list(session.screen, objects),
    })
}

/// Prints objects of one kind together, and what is none by itself.
fn each_kind(screen: &Screen, values: &[Value], shown: impl Fn(&[&Object]) -> String) -> Outcome {
    let alike = |one: &Value, other: &Value| match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.columns() == other.columns() && one.names().eq(other.names())
        }
        (Value::Object(_), _) | (_, Value::Object(_)) => false,
        _ => true,
    };
    for (index, values) in values.chunk_by(alike).enumerate() {
        if index > 0 {
            screen.say("")?;
        }
        let objects: Vec<_> = values
            .iter()
            .filter_map(|value| match value {
                Value::Object(object) => Some(object),
                _ => None,
            })
            .collect();
        if !objects.is_empty() {
            screen.say(shown(&objects))?;
            continue;
        }
        for value in values {
            screen.say(value.text(screen))?;
        }
    }
    Ok(())
}

fn table(screen: &Screen, objects: &[&Object]) -> String {
    let columns: Vec<&str> = match objects.first() {
        Some(first) if first.columns().is_empty() => first.names().collect(),
        Some(first) => first.columns().to_vec(),
        None => Vec::new(),
    };
    let text = |object: &Object, column: &str| {
        object.get(column).map_or_else(String::new, |value| value.text(screen))
    };
    let row = |object: &&Object| columns.iter().map(|column| text(object, column)).collect::<Vec<_>>();
    screen.table(&columns, objects.iter().map(row))
}

fn as_list(screen: &Screen, objects: &[&Object]) -> String {
    list(objects.iter().map(|object| object.properties().map(|(name, value)| (name, lines(value, screen)))))
}

/// Objects in a list take a line each.
fn lines(value: &Value, screen: &Screen) -> String {
    match value {
        Value::List(values) if values.iter().any(|value| matches!(value, Value::Object(_))) => {
            values.iter().map(|value| value.text(screen)).collect::<Vec<_>>().join("\n")
        }
        value => value.text(screen),
    }
}
