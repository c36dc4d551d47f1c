//! From observations to verdicts: each rule, and what is the same for all of them.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod blaming;
mod history;
mod overriding;
mod rules;
