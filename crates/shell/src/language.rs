//! The language of the management shell: a small, strict part of PowerShell, from a text to a [`Script`].
//!
//! A script is commands with parameters, joined into pipelines by `|` and following each other by `;` or on lines of their
//! own. There are strings, numbers, `$true`, `$false` and `$null`, lists with commas, comments, and conditions in braces in
//! which `$_` is the object that is looked at. There are no variables, no functions and no expressions beyond that: what is
//! not understood is a [`Mistake`] that points at its place, and nothing of the text is done.
//!
//! Not for what commands there are, which `cmdlets` knows, nor for what conditions mean, which `pipeline` knows.

mod conditions;
mod lexer;
mod mistake;
mod parser;
mod tree;

pub use mistake::Mistake;
pub use parser::parse;
pub use tree::{
    Argument, Comparison, Condition, Invocation, Literal, Located, Operand, Pipeline, Place, Script, Side,
};

/// How many octets a text may have.
pub const LONGEST: usize = 64 << 10;
/// How deep conditions may be nested.
pub const DEEPEST: usize = 32;
/// How many comparisons `-and` and `-or` may join in a text.
pub const MOST_JOINED: usize = 256;

#[cfg(test)]
mod tests;
