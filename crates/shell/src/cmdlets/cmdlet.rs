//! A command as the table has it.

use crate::failure::Failure;
use crate::language::Mistake;
use crate::values::Value;

use super::{Given, Session};

/// A command: how it is called, what it takes, what it is for, and how it is made ready.
pub(crate) struct Cmdlet {
    /// Its name, a verb and a noun.
    pub(crate) name: &'static str,
    /// Other names.
    pub(crate) aliases: &'static [&'static str],
    /// What it does, in a sentence.
    pub(crate) summary: &'static str,
    /// What it takes; those without their names in this order.
    pub(crate) parameters: fn() -> Vec<Parameter>,
    /// Lines that use it.
    pub(crate) examples: &'static [&'static str],
    /// Where in a pipeline it stands.
    pub(crate) position: Position,
    /// Checks what it is given. Nothing is asked and nothing done before all of a text has been checked.
    pub(crate) prepare: fn(Given) -> Result<Prepared, Mistake>,
}

/// A command that is ready: it gets what comes through the pipeline, and gives what goes on.
pub(crate) type Prepared = Box<dyn FnOnce(&Session<'_>, Vec<Value>) -> Result<Vec<Value>, Trouble>>;

/// Where in a pipeline a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// First: it takes nothing from others.
    First,
    /// Behind another.
    Later,
    /// Behind another, and nothing behind it: it prints.
    Last,
}

/// Why a command that was ready did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The text names something that turned out not to be there.
    Mistake(Mistake),
    /// It did not work.
    Failure(Failure),
}

impl From<Mistake> for Trouble {
    fn from(mistake: Mistake) -> Self {
        Self::Mistake(mistake)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// A parameter of a command.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    /// Its name, without the hyphen.
    pub(crate) name: &'static str,
    /// Other names.
    pub(crate) aliases: &'static [&'static str],
    /// What it takes.
    pub(crate) kind: Kind,
    /// Whether its value may stand without its name.
    pub(crate) positional: bool,
    /// Whether it must be given.
    pub(crate) mandatory: bool,
    /// What it is for.
    pub(crate) help: &'static str,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// One or several texts.
    Texts,
    /// A whole number.
    Number,
    /// `$true` or `$false`.
    Boolean,
    /// Nothing: that it is there says it.
    Switch,
    /// A length of time: `dd.hh:mm:ss`, or as the Unix commands take it.
    Span,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A condition in braces.
    Condition,
    /// Any value, as a text; of several those with commas between them. Whoever uses it checks it.
    Any,
}

impl Cmdlet {
    /// Its name and its other names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Whether it is called so, whatever the case.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.names().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// How it is written, in a line.
    pub(crate) fn usage(&self) -> String {
        let parameters = (self.parameters)();
        let parameters = parameters.iter().map(Parameter::usage);
        std::iter::once(self.name.to_owned()).chain(parameters).collect::<Vec<_>>().join(" ")
    }
}

impl Parameter {
    /// A parameter that need not be given.
    pub(crate) fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, aliases: &[], kind, positional: false, mandatory: false, help }
    }

    /// The same, under other names too.
    pub(crate) fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// The same, and its name may be left out.
    pub(crate) fn positional(self) -> Self {
        Self { positional: true, ..self }
    }

    /// The same, and it must be given.
    pub(crate) fn mandatory(self) -> Self {
        Self { mandatory: true, ..self }
    }

    /// Its name and its other names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    fn usage(&self) -> String {
        let name = if self.positional { format!("[-{}]", self.name) } else { format!("-{}", self.name) };
        let both = match self.kind.usage() {
            value if value.is_empty() => name,
            value => format!("{name} {value}"),
        };
        if self.mandatory { both } else { format!("[{both}]") }
    }
}

impl Kind {
    /// What is to be written, for usage lines and mistakes.
    pub(crate) fn usage(self) -> String {
        match self {
            Self::Text => "TEXT".to_owned(),
            Self::Texts => "TEXT, …".to_owned(),
            Self::Number => "NUMBER".to_owned(),
            Self::Boolean => "$true|$false".to_owned(),
            Self::Switch => String::new(),
            Self::Span => "DD.HH:MM:SS".to_owned(),
            Self::Word(words) => words.join("|"),
            Self::Condition => "{CONDITION}".to_owned(),
            Self::Any => "VALUE".to_owned(),
        }
    }
}
