//! Services and servers under control: one suite for every engine of service control, and what each engine does when the
//! other side misbehaves.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod bus;
mod command_power;
mod fake_init;
mod fake_systemd;
mod grid_power;
mod in_memory;
mod init_control;
mod logind_power;
mod suite;
mod systemd_control;

use server_control::{RequestId, ServiceName};
use settings::{ServerName, Value as _};

fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

fn service(name: &str) -> ServiceName {
    ServiceName::parse(name).unwrap()
}

fn id(text: &str) -> RequestId {
    RequestId::parse(text).unwrap()
}
