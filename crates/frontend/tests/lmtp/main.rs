//! Mail through a front end to scripted back ends: real sockets, real inner TLS, no store.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod back_end;
mod scene;

mod edge;
mod holding;
mod inner_leg;
