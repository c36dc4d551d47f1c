//! The etcd engine against a real etcd: its promises, and an etcd that dies, hangs, forgets or is cut off.

#![allow(clippy::unwrap_used, reason = "this is a test, its fixtures included")]

mod fixture;
mod proxy;
mod real_conformance;
mod real_faults;
mod real_tls;
