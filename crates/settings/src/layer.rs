//! Layers of values: default, file, what `set` stored; and which one won.

use std::fmt;
use std::ops::Deref;

use toml::de::DeTable;

use crate::document::Document;
use crate::problem::Problems;
use crate::section::Section;
use crate::value::Invalid;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the configuration file.
    File {
        /// The file, as the caller named it.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A `set` command, stored in the file that keeps them.
    Set,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Set => f.write_str("set"),
        }
    }
}

/// The values that one place gives: a section of the configuration file, or the stored `set` commands.
#[derive(Debug, Clone)]
pub struct Layer<S> {
    values: S,
    given: Vec<Option<Origin>>,
}

impl<S: Section> Default for Layer<S> {
    fn default() -> Self {
        Self { values: S::default(), given: vec![None; S::settings().len()] }
    }
}

/// Two layers are the same if they give the same values, wherever those are written.
impl<S: Section> PartialEq for Layer<S> {
    fn eq(&self, other: &Self) -> bool {
        S::settings().iter().enumerate().all(|(index, setting)| {
            self.given[index].is_some() == other.given[index].is_some()
                && (self.given[index].is_none() || (setting.same)(&self.values, &other.values))
        })
    }
}

impl<S: Section> Layer<S> {
    /// Reads the file that keeps what `set` stored: keys and values, no table heading. An empty text is an empty layer.
    pub fn parse_set(text: &str, file: &str) -> Result<Self, Problems> {
        let (mut document, table) = Document::open(text, file);
        let mut layer = Self::read(&mut document, &table, file);
        for origin in layer.given.iter_mut().flatten() {
            *origin = Origin::Set;
        }
        document.finish(layer)
    }

    /// Reads a section of the configuration file.
    pub(crate) fn read(document: &mut Document<'_>, table: &DeTable<'_>, file: &str) -> Self {
        let mut layer = Self::default();
        for (key, value) in table {
            let found = S::settings().iter().position(|setting| setting.key == key.get_ref().as_ref());
            let Some(index) = found else {
                document.unknown_key(
                    key.span(),
                    key.get_ref(),
                    S::settings().iter().map(|setting| setting.key),
                );
                continue;
            };
            match (S::settings()[index].read)(&mut layer.values, value.get_ref()) {
                Ok(()) => {
                    let line = document.line(&key.span());
                    layer.given[index] = Some(Origin::File { file: file.to_owned(), line });
                }
                Err(wrong) => document.invalid(&value.span(), wrong),
            }
        }
        layer
    }

    /// Gives the setting called `name` (its name or its key, whatever the case) the value written as `text`.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), Invalid> {
        let index = S::find(name)?;
        (S::settings()[index].parse)(&mut self.values, text).map_err(|invalid| {
            Invalid::new(format!("{}: {}", S::settings()[index].name, invalid.message), invalid.instead)
        })?;
        self.given[index] = Some(Origin::Set);
        Ok(())
    }

    /// Takes the setting called `name` out of this layer, so that the layer below shows through. Whether it was there.
    pub fn clear(&mut self, name: &str) -> Result<bool, Invalid> {
        Ok(self.given[S::find(name)?].take().is_some())
    }

    /// Whether this layer gives nothing.
    pub fn is_empty(&self) -> bool {
        self.given.iter().all(Option::is_none)
    }

    /// The values that this layer gives, as lines of TOML.
    pub fn to_toml(&self) -> String {
        let given = S::settings().iter().zip(&self.given).filter(|(_, origin)| origin.is_some());
        given
            .flat_map(|(setting, _)| {
                [setting.key.to_owned(), " = ".into(), (setting.toml)(&self.values), "\n".into()]
            })
            .collect()
    }

    pub(crate) fn gives(&self, index: usize) -> bool {
        self.given[index].is_some()
    }

    pub(crate) fn values(&self) -> &S {
        &self.values
    }
}

/// The values that hold, each with its origin. Dereferences to the section.
#[derive(Debug, Clone, PartialEq)]
pub struct Layered<S> {
    values: S,
    origins: Vec<Origin>,
}

/// One line of `get` or `config show --origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name administrators know.
    pub name: &'static str,
    /// The key in the file.
    pub key: &'static str,
    /// The value that holds.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What holds if nobody sets it.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

impl<S: Section> Layered<S> {
    /// The defaults with `layers` on top, the last one winning.
    pub fn new<'a>(layers: impl IntoIterator<Item = &'a Layer<S>>) -> Self {
        let mut values = S::default();
        let mut origins = vec![Origin::Default; S::settings().len()];
        for layer in layers {
            for (index, setting) in S::settings().iter().enumerate() {
                if let Some(origin) = &layer.given[index] {
                    (setting.copy)(&layer.values, &mut values);
                    origins[index] = origin.clone();
                }
            }
        }
        Self { values, origins }
    }

    /// The values.
    pub fn values(&self) -> &S {
        &self.values
    }

    /// Every setting with its value and origin, in the order of the table.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        S::settings().iter().zip(&self.origins).map(|(setting, origin)| Row {
            name: setting.name,
            key: setting.key,
            value: (setting.text)(&self.values),
            origin: origin.clone(),
            default: setting.default,
            doc: setting.doc,
        })
    }

    /// The row of the setting called `name`.
    pub fn row(&self, name: &str) -> Result<Row, Invalid> {
        let index = S::find(name)?;
        self.rows().nth(index).ok_or_else(|| Invalid::new(format!("there is no setting \"{name}\""), ""))
    }
}

impl<S: Section> Default for Layered<S> {
    fn default() -> Self {
        Self::new([])
    }
}

/// Values given in a program, by no file: every origin is [`Origin::Set`].
impl<S: Section> From<S> for Layered<S> {
    fn from(values: S) -> Self {
        Self { values, origins: vec![Origin::Set; S::settings().len()] }
    }
}

impl<S> Deref for Layered<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.values
    }
}
