//! Bytes and what they mean: lines, commands, replies, capabilities, XCLIENT, SASL messages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod commands;
mod lines;
mod replies;
mod scram;
mod xclient;
