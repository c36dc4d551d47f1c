//! The mailmedic executable: arguments in, a command run, an exit code out.

mod arguments;
mod founding;
mod hands_off;
mod password;
mod progress;
mod screen;
mod site;

mod config;
mod configure;
mod coordinator;
mod database;
mod down;
mod logs;
mod mailbox;
mod pop;
mod run;
mod session;
mod status;
mod test_connectivity;
mod token;
mod up;
mod user;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match arguments::Arguments::parse().run() {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
