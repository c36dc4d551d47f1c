//! Whether every address that the servers are to listen on is free, before anything is started.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use settings::configuration::Listens;

use crate::failure::{Failure, Outcome};
use crate::site::Site;

/// How long an address may stay taken: processes of an earlier start that was killed may still be on their way out.
const PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);

/// Says of all addresses that cannot be used why, and what to do.
pub(super) fn check(site: &Site) -> Outcome {
    let mut problems = Vec::new();
    for server in &site.configuration.servers {
        let settings = site.settings_of(server)?;
        for listens in settings.listens(server) {
            if let Err(error) = free(&listens) {
                problems.push(problem(server.name.as_str(), &listens, &error));
            }
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    let file = site.data.configuration();
    Err(Failure::failed(format!(
        "nothing was started, because these addresses cannot be used (they are set in {}):{}",
        file.display(),
        problems.concat()
    )))
}

fn free(listens: &Listens) -> std::io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TcpListener::bind(listens.address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < deadline => {
                std::thread::sleep(POLL);
            }
            other => return other.map(drop),
        }
    }
}

fn problem(server: &str, listens: &Listens, error: &std::io::Error) -> String {
    let Listens { address, purpose, setting, .. } = listens;
    let port = address.port();
    let advice = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "is taken by another program: `ss --listening --tcp --processes 'sport = :{port}'` shows which; stop it or change {setting}"
        ),
        ErrorKind::PermissionDenied => format!(
            "needs the capability CAP_NET_BIND_SERVICE, as ports below 1024 do: give it to the program, or change {setting}"
        ),
        ErrorKind::AddrNotAvailable => {
            format!("is no address of this machine: change the address of {server} or {setting}")
        }
        _ => format!("cannot be listened on: {error}"),
    };
    format!("\n  {address} ({purpose} of {server}) {advice}")
}

#[cfg(test)]
mod tests;
