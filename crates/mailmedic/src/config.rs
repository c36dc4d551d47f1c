//! `mailmedic config`: whether the configuration is right, and which value holds.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use settings::{DataDirectory, Row};

use crate::failure::{Failure, Outcome};
use crate::screen::{Output, say, table};
use crate::site::{Site, read_configuration};

/// Check the configuration, and show which values hold and why
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic config check
  mailmedic config show --server cas1 --origin"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Check a configuration file: every mistake at once, with what to write instead
    #[command(after_help = "\
Examples:
  mailmedic config check                    the file in use
  mailmedic config check ./mailmedic.toml   another one, before it is put to use")]
    Check {
        /// The file; without it, the one in the data directory
        file: Option<PathBuf>,
    },
    /// Show every setting that holds on the servers and in the cluster as a whole
    #[command(after_help = "\
Examples:
  mailmedic config show                          all servers
  mailmedic config show --server cas1 --origin   and where each value comes from: default, file and line, or set
  mailmedic config show --output json")]
    Show {
        /// Only this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
        #[command(flatten)]
        output: Output,
    },
}

/// A setting that holds on a server, or in the cluster as a whole.
#[derive(Debug, Serialize)]
struct SettingView {
    server: String,
    section: &'static str,
    key: &'static str,
    name: &'static str,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome {
        match self.command {
            Command::Check { file } => check(data, file),
            Command::Show { server, origin, output } => show(data, server.as_deref(), origin, output),
        }
    }
}

fn check(data: &DataDirectory, file: Option<PathBuf>) -> Outcome {
    let Some(file) = file else {
        // In use: with what `set` stored on top.
        let site = Site::open(data)?;
        for server in &site.configuration.servers {
            site.set_layer(server)?;
        }
        return say(format_args!("{} is right", data.configuration().display()));
    };
    if !file.exists() {
        return Err(Failure::bad_input(format!("there is no file {}", file.display())));
    }
    read_configuration(&file)?;
    say(format_args!("{} is right", file.display()))
}

fn show(data: &DataDirectory, server: Option<&str>, origin: bool, output: Output) -> Outcome {
    let site = Site::open(data)?;
    let mut views = Vec::new();
    for server in site.servers(server)? {
        let rows = site.settings_of(server)?.rows();
        views.extend(rows.into_iter().map(|row| view(server.name.as_str(), row, origin)));
    }
    let cluster = site.configuration.cluster().rows();
    views.extend(cluster.into_iter().map(|row| view(CLUSTER, row, origin)));
    output.print(&views, |views| as_table(views, origin))
}

/// What stands in place of a server where a setting is the same for all.
const CLUSTER: &str = "-";

fn view(server: &str, (section, row): (&'static str, Row), origin: bool) -> SettingView {
    SettingView {
        server: server.to_owned(),
        section,
        key: row.key,
        name: row.name,
        value: row.value,
        origin: origin.then(|| row.origin.to_string()),
    }
}

fn as_table(views: &[SettingView], origin: bool) -> String {
    let mut header = vec!["SERVER", "SECTION", "SETTING", "VALUE"];
    header.extend(origin.then_some("ORIGIN"));
    let rows = views.iter().map(|view| {
        let start =
            [view.server.clone(), format!("[{}]", view.section), view.key.to_owned(), view.value.clone()];
        start.into_iter().chain(view.origin.clone())
    });
    table(&header, rows)
}
