//! The command line: what can be asked, and which module does it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use settings::DataDirectory;
use shell::{Access, Connection, Failure, Outcome, Screen};

use crate::{
    config, configure, database, down, hands_off, logs, mailbox, pop, run, session, status,
    test_connectivity, token, up, user,
};

/// POP3 mail access that heals itself.
#[derive(Parser, Debug)]
#[command(
    name = "mailmedic",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  mailmedic up --detach                           start everything on loopback, in ./mailmedic-data
  mailmedic user add user1@example.com            add a user; asks for the password
  mailmedic status                                what runs, where and since when
  mailmedic down                                  stop everything

Every command has examples of its own: mailmedic user --help"
)]
pub(crate) struct Arguments {
    /// The folder that holds everything of an installation; otherwise ./mailmedic-data
    #[arg(long, global = true, env = "MAILMEDIC_DATA", value_name = "DIR", help_heading = "Global options")]
    data: Option<PathBuf>,

    #[command(flatten)]
    access: Access,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Up(up::Arguments),
    Down(down::Arguments),
    Status(status::Arguments),
    Logs(logs::Arguments),
    User(user::Arguments),
    Mailbox(mailbox::Arguments),
    Database(database::Arguments),
    Health(shell::health::Arguments),
    Probe(shell::probe::Arguments),
    Monitor(shell::monitor::Arguments),
    Override(shell::overrides::Arguments),
    Copies(shell::copies::Arguments),
    Server(shell::server::Arguments),
    Pop(pop::Arguments),
    Session(session::Arguments),
    Service(shell::service::Arguments),
    Component(shell::component::Arguments),
    Maintenance(shell::maintenance::Arguments),
    Recovery(shell::recovery::Arguments),
    Audit(shell::audit::Arguments),
    TestConnectivity(test_connectivity::Arguments),
    Token(token::Arguments),
    Shell(shell::management::Arguments),
    Config(config::Arguments),
    Configure(configure::Arguments),
    Run(run::Arguments),
}

/// Where the data is if nobody says otherwise.
const DATA: &str = "mailmedic-data";
/// Where it is on a machine that systemd runs.
const SYSTEM_DATA: &str = "/var/lib/mailmedic";

impl Arguments {
    /// Does what was asked.
    pub(crate) fn run(self) -> Outcome<ExitCode> {
        if let Command::Configure(arguments) = self.command {
            let data = self.data.unwrap_or_else(|| SYSTEM_DATA.into());
            return arguments.run(&data).map(|()| ExitCode::SUCCESS);
        }
        let data = self.data.unwrap_or_else(|| DATA.into());
        let root = std::path::absolute(&data)
            .map_err(|error| Failure::bad_input(format!("--data {}: {error}", data.display())))?;
        let data = &DataDirectory::new(root);
        let access = &self.access;
        let connection = || Connection::open(access, data);
        let screen = &Screen::standard();
        let done = match self.command {
            Command::Configure(_) => Ok(()),
            Command::Status(arguments) => return arguments.run(data),
            Command::Run(arguments) => return arguments.run(data),
            Command::Up(arguments) => arguments.run(data),
            Command::Down(arguments) => arguments.run(data),
            Command::Logs(arguments) => arguments.run(data),
            Command::User(arguments) => arguments.run(data, access),
            Command::Mailbox(arguments) => arguments.run(data),
            Command::Database(arguments) => arguments.run(data, access),
            Command::Health(arguments) => arguments.run(&connection()?, screen),
            Command::Probe(arguments) => arguments.run(&connection()?, screen),
            Command::Monitor(arguments) => arguments.run(&connection()?, screen),
            Command::Override(arguments) => arguments.run(&connection()?, screen),
            Command::Copies(arguments) => arguments.run(&connection()?, screen),
            Command::Server(arguments) => arguments.run(&connection()?, screen),
            Command::Component(arguments) => arguments.run(&connection()?, screen),
            Command::Maintenance(arguments) => arguments.run(&connection()?, screen),
            Command::Recovery(arguments) => match arguments.by_file() {
                Some(switch) => hands_off::turn(switch, data, screen),
                None => arguments.run(&connection()?, screen),
            },
            Command::Audit(arguments) => arguments.run(&connection()?, screen),
            Command::TestConnectivity(arguments) => arguments.run(data),
            Command::Token(arguments) => arguments.run(data),
            Command::Shell(arguments) => arguments.run(&connection, screen),
            Command::Pop(arguments) => arguments.run(data),
            Command::Session(arguments) => arguments.run(data),
            Command::Service(arguments) => arguments.run(&connection()?, screen),
            Command::Config(arguments) => arguments.run(data),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Every command that does something, with its path.
    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
        let path = format!("{path} {}", command.get_name());
        if command.get_subcommands().count() == 0 {
            found.push((path, command.clone()));
            return;
        }
        for below in command.get_subcommands() {
            leaves(below, &path, found);
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples_in_its_help() {
        let mut found = Vec::new();
        leaves(&Arguments::command(), "", &mut found);
        for (path, command) in found.iter().filter(|(path, _)| !path.contains(" run")) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{path} has no examples");
            assert!(command.get_about().is_some(), "{path} does not say what it does");
        }
    }

    #[test]
    fn services_are_hidden_from_the_first_help_page() {
        let help = Arguments::command().render_help().to_string();
        assert!(!help.contains("\n  run "), "{help}");
        assert!(help.contains("\n  status "), "{help}");
    }
}
