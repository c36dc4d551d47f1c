//! How two values compare: the right one is read as what the left one is.

use std::cmp::Ordering;

use crate::language::Comparison;
use crate::screen::Screen;
use crate::values::Value;

/// Whether a comparison without a pattern holds. Of a list it holds if it holds of anything in it.
pub(super) fn holds(left: &Value, comparison: Comparison, right: &Value, screen: &Screen) -> bool {
    if let Value::List(values) = left {
        return values.iter().any(|value| holds(value, comparison, right, screen));
    }
    let order = order(left, right, screen);
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
        // Those with patterns are made ready, and not compared here.
        Comparison::Like | Comparison::NotLike | Comparison::Match | Comparison::NotMatch => false,
    }
}

/// None if they cannot be compared, as yes with a time.
fn order(left: &Value, right: &Value, screen: &Screen) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Boolean(left), right) => Some(left.cmp(&yes_or_no(right)?)),
        (Value::Number(left), right) => left.partial_cmp(&number(right)?),
        (Value::Moment(left), Value::Moment(right)) => Some(left.cmp(right)),
        (Value::Moment(left), right) => Some(left.cmp(&screen.time_of(&right.text(screen))?)),
        _ => Some(left.text(screen).to_lowercase().cmp(&right.text(screen).to_lowercase())),
    }
}

fn yes_or_no(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(yes) => Some(*yes),
        Value::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}
