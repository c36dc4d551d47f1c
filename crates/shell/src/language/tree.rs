//! What a text says, each part with its place.

use std::ops::Range;

/// Which octets of the text something is.
pub type Place = Range<usize>;

/// Something, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Located<T> {
    /// What.
    pub what: T,
    /// Where.
    pub place: Place,
}

/// A whole text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    /// One after the other.
    pub pipelines: Vec<Pipeline>,
}

/// Commands of which each gets what the one before gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// The commands, at least one.
    pub stages: Vec<Invocation>,
}

/// A command with what it is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// Its name, or another name of it.
    pub name: Located<String>,
    /// What follows, in order.
    pub arguments: Vec<Argument>,
}

/// What may follow the name of a command. Whether an operand belongs to the parameter before it, the command knows.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// `-Name`.
    Parameter(Located<String>),
    /// `-Name:value`.
    Bound(Located<String>, Located<Operand>),
    /// A value.
    Operand(Located<Operand>),
}

/// A value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// One value.
    One(Literal),
    /// Several, between commas.
    Several(Vec<Located<Literal>>),
    /// A condition in braces.
    Block(Condition),
}

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A word without quotes, which may be a number.
    Word(String),
    /// A string in quotes.
    Text(String),
    /// `$true` or `$false`.
    Boolean(bool),
    /// `$null`.
    Null,
}

/// What holds for an object or does not.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Both.
    And(Box<Condition>, Box<Condition>),
    /// Either.
    Or(Box<Condition>, Box<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A comparison.
    Compare(Located<Side>, Comparison, Located<Side>),
    /// A value by itself: whether it is something.
    Is(Located<Side>),
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Side {
    /// `$_` and, behind it, the names of properties.
    Item(Vec<Located<String>>),
    /// A value.
    Value(Literal),
}

/// How two sides are compared. Letters are the same whatever their case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `-eq`
    Equal,
    /// `-ne`
    NotEqual,
    /// `-gt`
    Greater,
    /// `-ge`
    GreaterOrEqual,
    /// `-lt`
    Less,
    /// `-le`
    LessOrEqual,
    /// `-like`, with `*` and `?`
    Like,
    /// `-notlike`
    NotLike,
    /// `-match`, with a regular expression
    Match,
    /// `-notmatch`
    NotMatch,
}

impl Comparison {
    /// Every comparison.
    pub const ALL: [Self; 10] = [
        Self::Equal,
        Self::NotEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Like,
        Self::NotLike,
        Self::Match,
        Self::NotMatch,
    ];

    /// How it is written, without its hyphen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Equal => "eq",
            Self::NotEqual => "ne",
            Self::Greater => "gt",
            Self::GreaterOrEqual => "ge",
            Self::Less => "lt",
            Self::LessOrEqual => "le",
            Self::Like => "like",
            Self::NotLike => "notlike",
            Self::Match => "match",
            Self::NotMatch => "notmatch",
        }
    }

    /// The one that is written so.
    pub fn called(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|comparison| comparison.word().eq_ignore_ascii_case(word))
    }
}
