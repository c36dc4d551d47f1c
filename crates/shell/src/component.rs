//! `mailmedic component`: which parts of servers take traffic, and who asked for it.

use admin_api::routes::{Components, SetComponent};
use admin_api::rows::{ByServer, ComponentRequest, ComponentRow, ComponentState};
use clap::builder::PossibleValue;
use clap::{Args, Subcommand, ValueEnum};

use crate::because::Because;
use crate::columns::{Column, show, show_one};
use crate::connection::Connection;
use crate::failure::Outcome;
use crate::place::Place;
use crate::screen::{Colour, Output, Screen};

/// Show and set which parts of servers take traffic
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic component get --server cas1
  mailmedic component set cas1/PopProxy draining --reason 'new certificate'
  mailmedic component set cas1/PopProxy active"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show the components, their states and every requester's wish
    #[command(after_help = "\
Examples:
  mailmedic component get
  mailmedic component get --server cas1 --output list")]
    Get {
        /// Only those of this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Ask for a state of a component
    #[command(after_help = "\
Examples:
  mailmedic component set cas1/PopProxy inactive
  mailmedic component set cas1/PopProxy active --requester maintenance

Each requester has one wish, and the worst of all holds: what another asked for, you cannot lift by asking for active.")]
    Set {
        /// The component, such as cas1/PopProxy
        #[arg(value_name = "SERVER/COMPONENT")]
        component: Place,
        /// active, draining or inactive
        state: State,
        /// In whose name; without it, in yours
        #[arg(long, value_name = "NAME")]
        requester: Option<String>,
        #[command(flatten)]
        because: Because,
        #[command(flatten)]
        output: Output,
    },
}

/// A state as an argument.
#[derive(Clone, Copy, Debug)]
struct State(ComponentState);

impl ValueEnum for State {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [State; 3] =
            [State(ComponentState::ALL[0]), State(ComponentState::ALL[1]), State(ComponentState::ALL[2])];
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.word()))
    }
}

const COLUMNS: &[Column<ComponentRow>] = &[
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("COMPONENT", |row, _| row.component.clone()),
    Column::new("STATE", |row, screen| {
        let colour = match row.state {
            ComponentState::Active => Colour::Good,
            ComponentState::Draining => Colour::Attention,
            ComponentState::Inactive => Colour::Bad,
        };
        screen.coloured(row.state.word(), colour)
    }),
    Column::new("REQUESTED BY", |row, _| {
        let wishes = row.requests.iter().map(|wish| format!("{}: {}", wish.requester, wish.state.word()));
        wishes.collect::<Vec<_>>().join(", ")
    }),
    Column::in_lists("REQUESTS", |row, screen| {
        let wish = row.requests.iter().map(|wish| {
            let reason = wish.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{} by {} since {}{reason}", wish.state.word(), wish.requester, screen.moment(&wish.at))
        });
        wish.collect::<Vec<_>>().join("\n")
    }),
];

impl Arguments {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        match self.command {
            Command::Get { server, output } => {
                let listing = connection.get(&Components {}, &ByServer { server })?;
                show(screen, output, &listing, COLUMNS, "no components")
            }
            Command::Set { component, state, requester, because, output } => {
                let request = ComponentRequest { state: state.0, reason: because.text(), requester };
                let Place { server, name } = component;
                let row = connection.send(&SetComponent { server, component: name }, &request)?;
                show_one(screen, output, &row, COLUMNS)
            }
        }
    }
}
