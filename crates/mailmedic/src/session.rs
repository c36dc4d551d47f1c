//! `mailmedic session`: who is on, and what one session did, joined over both tiers.

use std::fmt::Write as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use service::SessionId;
use service::admin::{self, Answer, Ask, AskError};
use service::ring::{KeptExchange, KeptSession};
use service::roster::SessionReport;
use settings::DataDirectory;

use crate::failure::{Failure, Outcome};
use crate::screen::{Output, say, table, time};
use crate::site::{Site, mail_services_of};

/// Show the sessions of clients
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic session list
  mailmedic session show 0123456789abcdef"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the sessions that are on, on all services
    #[command(after_help = "\
Examples:
  mailmedic session list
  mailmedic session list --server cas1 --limit 20
  mailmedic session list --output json")]
    List {
        /// Only this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// At most so many of each service, the oldest first
        #[arg(long, default_value_t = 1000, value_name = "NUMBER")]
        limit: usize,
        #[command(flatten)]
        output: Output,
    },
    /// Show what one session did, on both tiers; secrets are masked
    #[command(after_help = "\
Examples:
  mailmedic session show 0123456789abcdef
  mailmedic session show 0123456789abcdef --output json

The id stands in the protocol log and in `mailmedic session list`. What is kept of sessions that are over: those of probes.")]
    Show {
        /// The session's id, 16 hexadecimal digits
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

/// A session that is on, and where.
#[derive(Debug, Serialize)]
struct Listed {
    on: String,
    service: &'static str,
    #[serde(flatten)]
    session: SessionReport,
}

/// What is known of one session, from every service that knows it.
#[derive(Debug, Serialize)]
struct Shown {
    open: Vec<Listed>,
    kept: Vec<Kept>,
}

#[derive(Debug, Serialize)]
struct Kept {
    on: String,
    service: &'static str,
    #[serde(flatten)]
    session: KeptSession,
}

/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome {
        let site = Site::open(data)?;
        match self.command {
            Command::List { server, limit, output } => {
                let mut listed = Vec::new();
                let mut hidden = 0;
                for answer in ask(&site, server.as_deref(), &Ask::Sessions { limit })? {
                    if let Answer::Sessions { total, sessions } = answer.answer {
                        hidden += total.saturating_sub(sessions.len());
                        let here =
                            |session| Listed { on: answer.server.clone(), service: answer.service, session };
                        listed.extend(sessions.into_iter().map(here));
                    }
                }
                output.print(&listed, |listed| list(listed))?;
                if hidden > 0 && !output.is_json() {
                    say(format_args!("and {hidden} more; --limit shows more of them"))?;
                }
                Ok(())
            }
            Command::Show { id, output } => {
                let id: SessionId =
                    id.parse().map_err(|error| Failure::bad_input(format!("{id:?}: {error}")))?;
                let shown = find(&site, id)?;
                if shown.open.is_empty() && shown.kept.is_empty() {
                    return Err(Failure::bad_input(format!(
                        "no running service knows the session {id}; the protocol log may: \
                         `mailmedic pop settings get` shows where it is"
                    )));
                }
                output.print(&shown, show)
            }
        }
    }
}

fn find(site: &Site, id: SessionId) -> Outcome<Shown> {
    let mut shown = Shown { open: Vec::new(), kept: Vec::new() };
    for answer in ask(site, None, &Ask::Session { id })? {
        let (on, service) = (answer.server, answer.service);
        if let Answer::Session { open, kept } = answer.answer {
            shown.open.extend(open.into_iter().map(|session| Listed { on: on.clone(), service, session }));
            shown.kept.extend(kept.into_iter().map(|session| Kept { on: on.clone(), service, session }));
        }
    }
    Ok(shown)
}

/// What one service answered.
struct Answered {
    server: String,
    service: &'static str,
    answer: Answer,
}

/// Asks every service; those that do not run have nothing to say, but if none does, that is told.
fn ask(site: &Site, server: Option<&str>, question: &Ask) -> Outcome<Vec<Answered>> {
    let mut answers = Vec::new();
    for server in site.servers(server)? {
        let folder = site.data.server(server.name.as_str());
        for service in mail_services_of(server) {
            match admin::ask(&folder.admin_socket(service), question, PATIENCE) {
                Ok(answer) => answers.push(Answered { server: server.name.to_string(), service, answer }),
                Err(AskError::NotRunning { .. }) => {}
                Err(error) => return Err(Failure::failed(error)),
            }
        }
    }
    if answers.is_empty() {
        return Err(Failure::failed("no service is running; `mailmedic up --detach` starts them"));
    }
    Ok(answers)
}

fn list(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "no sessions".to_owned();
    }
    let rows = listed.iter().map(|Listed { on, service, session }| {
        [
            session.id.to_string(),
            format!("{on}/{service}"),
            session.protocol.clone(),
            session.user.clone().unwrap_or_default(),
            session.client.to_string(),
            time(session.since),
            session.state.clone(),
            session.command.as_ref().map(|command| command.command.clone()).unwrap_or_default(),
        ]
    });
    table(&["SESSION", "ON", "PROTOCOL", "USER", "CLIENT", "SINCE", "STATE", "COMMAND"], rows)
}

fn show(shown: &Shown) -> String {
    let mut text = String::new();
    if !shown.open.is_empty() {
        text += &list(&shown.open);
        text += "\n";
    }
    let mut exchanges: Vec<(Timestamp, &Kept, &KeptExchange)> = Vec::new();
    for kept in &shown.kept {
        exchanges.extend(kept.session.exchanges.iter().map(|exchange| (exchange.at, kept, exchange)));
    }
    if exchanges.is_empty() {
        return text
            + "nothing that it did is kept: only sessions of probes are; the protocol log has the others";
    }
    // Both tiers in the order of time; a service's own order where the clock does not tell.
    exchanges.sort_by_key(|(at, kept, exchange)| (*at, kept.service, exchange.sequence));
    let rows = exchanges.into_iter().map(|(at, kept, exchange)| {
        [
            at.strftime("%H:%M:%S%.6fZ").to_string(),
            format!("{}/{}", kept.on, kept.service),
            format!("{} µs", exchange.duration_micros),
            exchange.request.to_string(),
            exchange.reply.to_string(),
            exchange.command.clone(),
            exchange.parameters.clone(),
            exchange.context.clone(),
        ]
    });
    text += &table(&["TIME", "ON", "TOOK", "SENT", "GOT", "COMMAND", "PARAMETERS", "CONTEXT"], rows);
    let omitted: u64 = shown.kept.iter().map(|kept| kept.session.omitted).sum();
    if omitted > 0 {
        // Writing into a string does not fail.
        let _ = write!(text, "\n{omitted} earlier exchanges are no longer kept");
    }
    text
}
