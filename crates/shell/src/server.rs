//! `mailmedic server`: the servers as wholes.

use std::process;

use admin_api::Nothing;
use admin_api::routes::{AllowServer, DrainServer, RestartServer, Servers, ShowServer};
use admin_api::rows::{AgentPresence, Block, Power, RestartRequest, ServerRow};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use settings::Span;

use crate::because::Because;
use crate::columns::{Column, or_blank, show, show_one};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::moves::follow;
use crate::patience::{Patience, span, until};
use crate::screen::{Colour, Format, Output, Screen};

/// List, drain and restart servers
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic server list
  mailmedic server drain mbx1 --reason 'new kernel'
  mailmedic server restart mbx1
  mailmedic server allow mbx1"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the servers: power, agent, databases, sessions and who blocks them
    #[command(after_help = "\
Examples:
  mailmedic server list
  mailmedic server list --output json")]
    List(Output),
    /// Show everything about one server
    #[command(after_help = "\
Example:
  mailmedic server show mbx1")]
    Show {
        /// The server
        server: String,
        #[command(flatten)]
        output: Output,
    },
    /// Block a server and move its databases away
    #[command(after_help = "\
Example:
  mailmedic server drain mbx1 --reason 'new kernel'

The block is yours and holds until `mailmedic server allow`. It yields only where no other copy is fit, and says so.")]
    Drain {
        /// The server
        server: String,
        #[command(flatten)]
        because: Because,
        #[command(flatten)]
        patience: Patience,
        #[command(flatten)]
        output: Output,
    },
    /// Lift your block of a server, and see who else blocks it
    #[command(after_help = "\
Example:
  mailmedic server allow mbx1

Databases come back with `mailmedic database move --preferred`.")]
    Allow {
        /// The server
        server: String,
        #[command(flatten)]
        because: Because,
        #[command(flatten)]
        output: Output,
    },
    /// Restart a server: it is shut down in order and starts again
    #[command(after_help = "\
Examples:
  mailmedic server restart mbx1                       returns when it is back
  mailmedic server restart mbx1 --force --reason 'hung'

Drain it first. Without --force it is refused while databases are mounted there that nobody else can take.")]
    Restart {
        /// The server
        server: String,
        /// Do it even if databases are mounted there that nobody else can take
        #[arg(long)]
        force: bool,
        /// Do not wait until the server is back
        #[arg(long)]
        no_wait: bool,
        /// How long to wait until it is back
        #[arg(long, value_name = "TIME", value_parser = span, default_value = "5 min")]
        limit: Span,
        #[command(flatten)]
        because: Because,
        #[command(flatten)]
        output: Output,
    },
}

const COLUMNS: &[Column<ServerRow>] = &[
    Column::new("SERVER", |row, _| row.name.clone()),
    Column::new("ROLES", |row, _| row.roles.iter().map(|role| role.word()).collect::<Vec<_>>().join(" ")),
    Column::new("ADDRESS", |row, _| row.address.clone()),
    Column::new("POWER", power),
    Column::new("AGENT", agent),
    Column::in_lists("BOOT ID", |row, _| or_blank(row.boot_id.as_ref())),
    Column::new("SINCE", |row, screen| {
        row.since.as_ref().map(|since| screen.moment(since)).unwrap_or_default()
    }),
    Column::new("DATABASES", |row, _| row.active_databases.join(" ")),
    Column::new("SESSIONS", |row, _| or_blank(row.sessions.as_ref())),
    Column::new("BLOCKED BY", |row, _| {
        row.blocks.iter().map(|block| block.requester.as_str()).collect::<Vec<_>>().join(" ")
    }),
    Column::in_lists("BLOCKS", |row, screen| lines(&row.blocks, |one| block(one, screen))),
    Column::new("MAINTENANCE", |row, screen| {
        let until = row.maintenance.as_ref().map(|maintenance| screen.moment(&maintenance.until));
        until.map(|until| format!("until {until}")).unwrap_or_default()
    }),
    Column::in_lists("COMPONENTS", |row, _| {
        lines(&row.components, |one| format!("{}: {}", one.component, one.state.word()))
    }),
];

impl Arguments {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        match self.command {
            Command::List(output) => {
                let listing = connection.get(&Servers {}, &Nothing {})?;
                show(screen, output, &listing, COLUMNS, "no servers")
            }
            Command::Show { server, output } => {
                let row = connection.get(&ShowServer { server }, &Nothing {})?;
                show_one(screen, output, &row, COLUMNS)
            }
            Command::Drain { server, because, patience, output } => {
                let moves = connection.send(&DrainServer { server }, &because.request())?;
                follow(connection, screen, output, patience, moves)
            }
            Command::Allow { server, because, output } => {
                let allowed = connection.send(&AllowServer { server: server.clone() }, &because.request())?;
                if output.format() == Format::Json {
                    return screen.json(&allowed);
                }
                let lifted = if allowed.lifted { "your block is lifted" } else { "you have no block there" };
                screen.say(format_args!("{}: {lifted}", allowed.server))?;
                for other in &allowed.blocks {
                    screen.say(format_args!("still blocked by {}", block(other, screen)))?;
                }
                Ok(())
            }
            Command::Restart { server, force, no_wait, limit, because, output } => {
                let request = RestartRequest { reason: because.text(), force, id: id() };
                let begun = connection.send(&RestartServer { server: server.clone() }, &request)?;
                if no_wait {
                    return match output.format() {
                        Format::Json => screen.json(&begun),
                        _ => screen.say(format_args!("{server}: {}", begun.outcome)),
                    };
                }
                screen.note(format_args!("{server}: {}", begun.outcome));
                let row = await_return(connection, &server, begun.boot_id.as_ref(), limit)?;
                show_one(screen, output, &row, COLUMNS)
            }
        }
    }
}

/// Waits until a server has started anew and its agent is there.
pub(crate) fn await_return(
    connection: &Connection,
    server: &str,
    boot_id: Option<&String>,
    limit: Span,
) -> Outcome<ServerRow> {
    until(limit, &format!("the restart of {server}"), || {
        match connection.get(&ShowServer { server: server.to_owned() }, &Nothing {}) {
            Ok(row) => {
                let back = row.boot_id.is_some()
                    && row.boot_id.as_ref() != boot_id
                    && row.power == Power::On
                    && row.agent == AgentPresence::Present;
                Ok(back.then_some(row))
            }
            // The agent that answers may be the one that restarts, and the only one there is.
            Err(Failure::Failed(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    })
}

/// A name for a restart that no other has.
pub(crate) fn id() -> String {
    format!("command-{}-{}", Timestamp::now().as_nanosecond(), process::id())
}

/// A block as people read it: whose, since when, and why.
pub(crate) fn block(block: &Block, screen: &Screen) -> String {
    let reason = block.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{} since {}{reason}", block.requester, screen.moment(&block.at))
}

fn lines<T>(all: &[T], line: impl Fn(&T) -> String) -> String {
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn power(row: &ServerRow, screen: &Screen) -> String {
    let colour = match row.power {
        Power::On => Colour::Good,
        Power::Out => Colour::Bad,
        Power::Off => Colour::Attention,
    };
    screen.coloured(row.power.word(), colour)
}

fn agent(row: &ServerRow, screen: &Screen) -> String {
    let colour = match row.agent {
        AgentPresence::Present => Colour::Good,
        AgentPresence::Absent => Colour::Bad,
    };
    screen.coloured(row.agent.word(), colour)
}
