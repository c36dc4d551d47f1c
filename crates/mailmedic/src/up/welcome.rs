//! What a person needs once everything is ready.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use settings::Role;

use crate::failure::{Failure, Outcome};
use crate::site::Site;

/// The addresses, the CA, and how to get a first message through.
pub(super) fn text(site: &Site, pid: u32) -> Outcome<String> {
    let server = site.configuration.servers.iter().find(|server| server.has(Role::ClientAccess));
    let server = server.or(site.configuration.servers.first());
    let server = server.ok_or_else(|| Failure::bad_input("the configuration has no server"))?;
    let settings = site.settings_of(server)?;
    let ca = site.data.client_authority().join("ca.pem");
    let (program, data) = (program(), data_option(site));
    let user = format!("user1@{}", site.configuration.default_realm);
    let mut text =
        format!("\nmailmedic is ready (process {pid}), with its data in {}\n\n", site.data.root().display());
    // Writing into a string does not fail.
    for (what, addresses) in [
        ("POP3 ", settings.pop3_addresses()),
        ("POP3S", settings.pop3s_addresses()),
        ("LMTP ", settings.lmtp_addresses()),
    ] {
        if !addresses.is_empty() {
            let all: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
            let _ = writeln!(text, "  {what}  {}", all.join(", "));
        }
    }
    let mut apis = Vec::new();
    for server in &site.configuration.servers {
        apis.extend(site.settings_of(server)?.api_addresses().iter().map(SocketAddr::to_string));
    }
    if !apis.is_empty() {
        let _ = writeln!(text, "  API    {}", apis.join(", "));
    }
    let _ = writeln!(text, "  CA     {}\n", ca.display());
    let _ = writeln!(text, "Add a user:         {program} user add {user}{data}");
    if let Some(lmtp) = settings.lmtp_addresses().first() {
        let _ = writeln!(
            text,
            "Send a message:     swaks --protocol LMTP --server {lmtp} --to {user} --from sender@example.org --body hello"
        );
    }
    if let Some(pop3s) = settings.pop3s_addresses().first() {
        let host = match pop3s.ip() {
            // The names that our authority puts into certificates, and that lead here.
            ip if ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST => "localhost".to_owned(),
            ip if ip.is_loopback() => ip.to_string(),
            _ => server.host_name.to_string(),
        };
        let _ = writeln!(
            text,
            "Fetch it:           curl --cacert {} --user '{user}' 'pop3s://{host}:{}/1'",
            ca.display(),
            pop3s.port()
        );
    }
    let _ = write!(
        text,
        "See what runs:      {program} status{data}\nSee the databases:  {program} copies{data}\n\
         Stop everything:    {program} down{data}"
    );
    Ok(text)
}

/// This program, as whoever called it has to call it again.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "mailmedic".to_owned())
}

/// What the other commands need to find the data directory, if anything.
fn data_option(site: &Site) -> String {
    let found = std::env::var_os("MAILMEDIC_DATA").unwrap_or_else(|| "mailmedic-data".into());
    if std::path::absolute(found).is_ok_and(|found| found == site.data.root()) {
        String::new()
    } else {
        format!(" --data {}", site.data.root().display())
    }
}
