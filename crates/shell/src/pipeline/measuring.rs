//! `Measure-Object`: how many, and the sum, the mean and the extremes of a property.

use super::ordering::{are_known, property};
use crate::cmdlets::{Cmdlet, Kind, Parameter, Position};
use crate::values::{Object, Value};

pub(crate) const MEASURE: Cmdlet = Cmdlet {
    name: "Measure-Object",
    aliases: &["measure"],
    summary: "Counts objects, and adds up the numbers that a property has",
    parameters: || {
        vec![
            Parameter::new("Property", Kind::Text, "The property whose numbers are meant").positional(),
            Parameter::new("Sum", Kind::Switch, "Their sum"),
            Parameter::new("Average", Kind::Switch, "Their mean"),
            Parameter::new("Minimum", Kind::Switch, "The smallest"),
            Parameter::new("Maximum", Kind::Switch, "The largest"),
        ]
    },
    examples: &["Get-MailboxDatabaseCopyStatus | Measure-Object CopyQueueLength -Sum -Maximum"],
    position: Position::Later,
    prepare: |given| {
        let names = given.texts("Property");
        let wanted: Vec<_> = given.names().filter(|name| given.switch(name)).collect();
        Ok(Box::new(move |_, values| {
            are_known(&names, &values)?;
            let Some(name) = names.first() else {
                return Ok(vec![Object::default().with("Count", values.len()).into()]);
            };
            let found: Vec<_> = values
                .iter()
                .map(|value| property(value, name))
                .filter(|value| *value != Value::Null)
                .collect();
            let numbers = found.iter().filter_map(|value| match value {
                Value::Number(number) => Some(*number),
                _ => None,
            });
            let numbers: Vec<f64> = numbers.collect();
            let mut measured = Object::default().with("Count", found.len());
            for which in &wanted {
                measured = measured.with(*which, measure(which, &numbers).map(Value::Number));
            }
            Ok(vec![measured.with("Property", name.what.clone()).into()])
        }))
    },
};

/// Nothing if there are no numbers.
fn measure(which: &str, numbers: &[f64]) -> Option<f64> {
    let sum: f64 = numbers.iter().sum();
    match which {
        _ if numbers.is_empty() => None,
        "Sum" => Some(sum),
        "Average" => {
            #[expect(clippy::cast_precision_loss, reason = "how many objects there are, far below 2^53")]
            let count = numbers.len() as f64;
            Some(sum / count)
        }
        "Minimum" => numbers.iter().copied().reduce(f64::min),
        _ => numbers.iter().copied().reduce(f64::max),
    }
}
