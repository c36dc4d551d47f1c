//! `mailmedic test-connectivity`: does once what a client does, at any POP3 server, and says how it went.

mod place;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use health::Part;
use net::ClientTls;
use pop3::Secret;
use probe::{Account, Address, Attempt, Endpoint, Scenario, Security};
use settings::DataDirectory;
use shell::{Failure, Outcome};

use crate::password::KnownPassword;
use crate::screen::Output;
use place::{Place, Scheme};
use report::Report;

/// Log in to a POP3 server as a client does, read a message, and show how long each phase took
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mailmedic test-connectivity pop3s://user1@example.com@mail.example.com
  printf 'secret\\n' | mailmedic test-connectivity pop3s://user1@example.com@localhost:10995 --password-stdin
  mailmedic test-connectivity pop3://mail.example.com --transcript      without a user: greeting and QUIT only
  mailmedic test-connectivity pop3://user1@192.0.2.7:110 --plaintext    the password goes over the net as it is

pop3s is TLS from the first octet, pop3 is STLS. Nothing is deleted. The certificate must come from an authority that this \
system trusts, from the data directory's own, or from --ca. The exit code is 0 if all went well, 1 if not.")]
pub(crate) struct Arguments {
    /// The server: pop3s://[USER@]HOST[:PORT] or pop3://[USER@]HOST[:PORT]
    #[arg(value_name = "URL", value_parser = Place::parse)]
    place: Place,
    #[command(flatten)]
    password: KnownPassword,
    /// Authorities that the certificate may come from, PEM, in place of those of the system
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// With pop3://, no TLS at all
    #[arg(long)]
    plaintext: bool,
    /// How long everything together may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    time_out: u64,
    /// Show what was said, passwords left out
    #[arg(long)]
    transcript: bool,
    #[command(flatten)]
    output: Output,
}

impl Arguments {
    /// Does it.
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome {
        if self.plaintext && self.place.scheme == Scheme::Pop3s {
            return Err(Failure::bad_input("pop3s:// is TLS: write pop3:// with --plaintext"));
        }
        let account = match &self.place.user {
            None => None,
            Some(user) => {
                let secret = Secret::new(self.password.read(user)?.as_bytes());
                Some(Account { user: user.clone(), secret })
            }
        };
        let endpoint = Endpoint {
            address: Address::Host(self.place.host.clone(), self.place.port),
            security: self.security(data)?,
            part: Part::ThirdParty,
        };
        let scenario = account.as_ref().map_or(Scenario::Greet, Scenario::ReadNewest);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::failed(format!("cannot begin: {error}")))?;
        let limit = Duration::from_secs(self.time_out);
        let attempt = runtime.block_on(Attempt::pop3(&endpoint, &scenario, limit));
        let report = Report::of(&self.place, &attempt, self.transcript || self.output.is_json());
        self.output.print(&report, Report::table)?;
        match report.failed() {
            None => Ok(()),
            Some(why) => Err(Failure::failed(why)),
        }
    }

    fn security(&self, data: &DataDirectory) -> Outcome<Security> {
        if self.plaintext {
            return Ok(Security::Plain);
        }
        let own = data.client_authority().join("ca.pem");
        let tls = match &self.ca {
            Some(file) => ClientTls::verified_by(file),
            None => ClientTls::as_clients_have_it(own.exists().then_some(own.as_path())),
        };
        let tls = tls.map_err(|error| Failure::because(&error))?;
        let name = self.place.host.clone();
        Ok(match self.place.scheme {
            Scheme::Pop3s => Security::Implicit(tls, name),
            Scheme::Pop3 => Security::StartTls(tls, name),
        })
    }
}
