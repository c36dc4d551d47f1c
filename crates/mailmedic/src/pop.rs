//! `mailmedic pop settings`: the POP3 settings of a server, changed while it runs.

use clap::{Args, Subcommand};
use serde::Serialize;
use service::changing::{self, ChangeError, Effect};
use settings::{DataDirectory, Invalid, Layer, PopSettings, Section, Server};
use shell::{Failure, Outcome};

use crate::screen::{Output, say, table};
use crate::site::{Site, mail_services_of};

/// The POP3 service: its settings
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic pop settings get --server cas1
  mailmedic pop settings set --server cas1 ProtocolLogEnabled true"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Settings(Settings),
}

/// Show and change the POP3 settings of a server
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic pop settings get --server cas1 ProtocolLogEnabled
  mailmedic pop settings set --server cas1 MaxConnections 500
  mailmedic pop settings unset --server cas1 MaxConnections
  mailmedic pop settings list"
)]
struct Settings {
    #[command(subcommand)]
    command: SettingsCommand,
}

#[derive(Subcommand, Debug)]
enum SettingsCommand {
    /// Show the settings that hold, and where each value comes from
    #[command(after_help = "\
Examples:
  mailmedic pop settings get                               all servers
  mailmedic pop settings get --server cas1 LoginType Banner
  mailmedic pop settings get --output json")]
    Get {
        /// Only this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// Only these settings
        #[arg(value_name = "SETTING")]
        settings: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Change settings; they take effect at once if the service runs, and survive restarts
    #[command(after_help = "\
Examples:
  mailmedic pop settings set --server cas1 ProtocolLogEnabled true
  mailmedic pop settings set --server cas1 MaxConnections 500 MaxConnectionFromSingleIP 50
  mailmedic pop settings set --server cas1 SSLBindings 192.0.2.1:995,[2001:db8::1]:995

Where the service does not run they take effect when it starts. `mailmedic pop settings list` explains every setting.")]
    Set {
        /// Of this server; not needed if there is only one
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// A setting, its value, another setting, its value …
        #[arg(value_name = "SETTING VALUE", num_args = 2.., required = true, allow_hyphen_values = true)]
        pairs: Vec<String>,
    },
    /// Take back what was set: the configuration file or the default counts again
    #[command(after_help = "\
Example:
  mailmedic pop settings unset --server cas1 MaxConnections")]
    Unset {
        /// Of this server; not needed if there is only one
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// The settings
        #[arg(value_name = "SETTING", required = true)]
        settings: Vec<String>,
    },
    /// Explain every setting: what it does, its default, which values it takes
    #[command(after_help = "\
Example:
  mailmedic pop settings list")]
    List,
}

/// A setting that holds on a server.
#[derive(Debug, Serialize)]
struct SettingView {
    server: String,
    name: &'static str,
    value: String,
    origin: String,
    default: &'static str,
}

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome {
        let Command::Settings(Settings { command }) = self.command;
        match command {
            SettingsCommand::List => explain(),
            SettingsCommand::Get { server, settings, output } => {
                get(&Site::open(data)?, server.as_deref(), &settings, output)
            }
            SettingsCommand::Set { server, pairs } => {
                let site = Site::open(data)?;
                let (pairs, rest) = pairs.as_chunks::<2>();
                if let [lonely] = rest {
                    return Err(Failure::bad_input(format!("{lonely} has no value: write SETTING VALUE")));
                }
                change(&site, site.one_server(server.as_deref())?, |layer| {
                    pairs.iter().try_for_each(|[name, value]| layer.set(name, value))
                })
            }
            SettingsCommand::Unset { server, settings } => {
                let site = Site::open(data)?;
                change(&site, site.one_server(server.as_deref())?, |layer| {
                    settings.iter().try_for_each(|name| layer.clear(name).map(|_| ()))
                })
            }
        }
    }
}

fn explain() -> Outcome {
    for setting in PopSettings::settings() {
        say(format_args!("{} (default: {})", setting.name, setting.default))?;
        for line in setting.doc.lines() {
            say(format_args!("    {}", line.trim()))?;
        }
        say(format_args!("    It takes {}.\n", setting.allowed()))?;
    }
    Ok(())
}

fn get(site: &Site, server: Option<&str>, names: &[String], output: Output) -> Outcome {
    let wanted: Vec<usize> = names
        .iter()
        .map(|name| PopSettings::find(name))
        .collect::<Result<_, _>>()
        .map_err(Failure::bad_input)?;
    let mut views = Vec::new();
    for server in site.servers(server)? {
        let settings = site.settings_of(server)?;
        for (index, row) in settings.pop.rows().enumerate() {
            if wanted.is_empty() || wanted.contains(&index) {
                views.push(SettingView {
                    server: server.name.to_string(),
                    name: row.name,
                    value: row.value,
                    origin: row.origin.to_string(),
                    default: row.default,
                });
            }
        }
    }
    output.print(&views, |views| {
        let rows = views
            .iter()
            .map(|view| [view.server.clone(), view.name.to_owned(), view.value.clone(), view.origin.clone()]);
        table(&["SERVER", "SETTING", "VALUE", "ORIGIN"], rows)
    })
}

/// Changes what is stored for a server, and has its services read it.
fn change(
    site: &Site,
    server: &Server,
    change: impl FnOnce(&mut Layer<PopSettings>) -> Result<(), Invalid>,
) -> Outcome {
    let folder = site.data.server(server.name.as_str());
    let changed = changing::change(&folder, change).map_err(|error| match error {
        ChangeError::Invalid(invalid) => Failure::bad_input(invalid),
        error => Failure::failed(error),
    })?;
    let (before, after) = (
        site.configuration.settings_of(server, &changed.before),
        site.configuration.settings_of(server, &changed.after),
    );
    for (old, new) in before.pop.rows().zip(after.pop.rows()).filter(|(old, new)| old != new) {
        say(format_args!(
            "{}: {} is {} ({}); it was {} ({})",
            server.name, new.name, new.value, new.origin, old.value, old.origin
        ))?;
    }
    for service in mail_services_of(server) {
        match changing::tell(&folder, service) {
            Ok(Effect::InEffect) => say(format_args!("{}: in effect on {service}", server.name))?,
            // It looked by itself in between, or nothing is different.
            Ok(Effect::NothingNew) => {}
            Ok(Effect::NotRunning) => {
                say(format_args!("{}: {service} is not running; it reads this when it starts", server.name))?;
            }
            Err(error) => {
                return Err(Failure::failed(format!(
                    "it is stored, but {service} of {} could not be told and goes on as before: {error}",
                    server.name
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
