//! What flows in a pipeline: objects with properties in order, and plain values.

use std::borrow::Cow;
use std::cmp::Ordering;

use admin_api::Moment;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use settings::nearest;

use crate::screen::Screen;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Text(String),
    Number(f64),
    Boolean(bool),
    Moment(Timestamp),
    List(Vec<Value>),
    Object(Object),
}

/// An object: values with names, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Object {
    properties: Vec<(Cow<'static, str>, Value)>,
    /// What is shown of it in a table if nobody says; nothing if that follows from how many properties there are.
    columns: &'static [&'static str],
}

impl Object {
    /// One that is shown by these columns.
    pub(crate) fn shown_by(columns: &'static [&'static str]) -> Self {
        Self { properties: Vec::new(), columns }
    }

    /// The same with one property more.
    #[must_use]
    pub(crate) fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// The names in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.properties.iter().map(|(name, _)| name.as_ref())
    }

    /// The properties in order.
    pub(crate) fn properties(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.properties.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// What is shown of it in a table if nobody says.
    pub(crate) fn columns(&self) -> &'static [&'static str] {
        self.columns
    }

    /// The property of that name, whatever its case.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.properties.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Value {
    /// The property of that name. A list counts itself; asked for anything else, it asks each of what is in it.
    pub(crate) fn property(&self, name: &str) -> Option<Value> {
        match self {
            Self::Object(object) => object.get(name).cloned(),
            Self::List(values) if name.eq_ignore_ascii_case("Count") => Some(values.len().into()),
            Self::List(values) => {
                let found: Vec<_> = values.iter().filter_map(|value| value.property(name)).collect();
                (!found.is_empty() || values.is_empty()).then_some(Self::List(found))
            }
            Self::Null => Some(Self::Null),
            _ => None,
        }
    }

    /// Whether it is something: what is empty, zero or false is not.
    pub(crate) fn is_something(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => *number != 0.0,
            Self::Boolean(yes) => *yes,
            Self::Moment(_) | Self::Object(_) => true,
            Self::List(values) => values.iter().any(Self::is_something),
        }
    }

    /// As people read it.
    pub(crate) fn text(&self, screen: &Screen) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Boolean(true) => "True".to_owned(),
            Self::Boolean(false) => "False".to_owned(),
            Self::Moment(at) => screen.time(*at),
            Self::List(values) => {
                let all: Vec<_> = values.iter().map(|value| value.text(screen)).collect();
                all.join(", ")
            }
            Self::Object(object) => {
                let all: Vec<_> = object
                    .properties()
                    .map(|(name, value)| format!("{name}={}", value.text(screen)))
                    .collect();
                format!("@{{{}}}", all.join("; "))
            }
        }
    }

    /// Which of two comes first when they are sorted: nothing before everything, letters whatever their case.
    pub(crate) fn order(&self, other: &Self, screen: &Screen) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Boolean(one), Self::Boolean(other)) => one.cmp(other),
            (Self::Moment(one), Self::Moment(other)) => one.cmp(other),
            _ => self.text(screen).to_lowercase().cmp(&other.text(screen).to_lowercase()),
        }
    }
}

/// As programs read it: the properties of an object in their order, a whole number without its fraction.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Numbers below are exact.
        const WHOLE: f64 = 9e15;
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
            Self::Number(number) if number.fract() == 0.0 && number.abs() < WHOLE => {
                serializer.serialize_i64(*number as i64)
            }
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Boolean(yes) => serializer.serialize_bool(*yes),
            Self::Moment(at) => serializer.collect_str(at),
            Self::List(values) => serializer.collect_seq(values),
            Self::Object(object) => serializer.collect_map(object.properties()),
        }
    }
}

/// The property that was most likely meant.
pub(crate) fn nearest_property<'a>(name: &str, values: &'a [Value]) -> Option<&'a str> {
    let known = values.iter().find_map(|value| match value {
        Value::Object(object) => Some(object.names()),
        _ => None,
    });
    nearest(name, known?)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Boolean(yes)
    }
}

impl From<u64> for Value {
    #[expect(clippy::cast_precision_loss, reason = "counts, far below 2^53")]
    fn from(number: u64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl From<&Moment> for Value {
    fn from(moment: &Moment) -> Self {
        moment.as_str().parse().map_or_else(|_| moment.as_str().into(), Self::Moment)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
