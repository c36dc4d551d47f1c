//! The etcd engine against a real etcd: its promises, and an etcd that dies, hangs, forgets or is cut off, as a whole or
//! by single members.

#![allow(clippy::unwrap_used, reason = "this is a test, its fixtures included")]

mod counting;
mod fixture;
mod members;
mod proxy;
mod real_conformance;
mod real_faults;
mod real_members;
mod real_members_conformance;
mod real_tls;
mod ways;
