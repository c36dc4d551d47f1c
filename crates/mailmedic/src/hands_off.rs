//! `mailmedic recovery stop --all` and `recovery resume`: the file that stops everything that is done by itself. It works when
//! nothing else does: no agent and no coordinator is asked.

use std::io::{ErrorKind, Write as _};

use settings::DataDirectory;
use shell::recovery::Switch;
use shell::{Failure, Outcome, Screen};

/// Writes the file, or removes it.
pub(crate) fn turn(switch: Switch, data: &DataDirectory, screen: &Screen) -> Outcome {
    let path = data.hands_off();
    let failed = |error: std::io::Error| Failure::failed(format!("{}: {error}", path.display()));
    match switch {
        Switch::Stop => {
            let options = std::fs::File::options().create(true).append(true).open(&path);
            let mut file = options.map_err(failed)?;
            writeln!(file, "nothing is done by itself; mailmedic recovery resume removes this")
                .map_err(failed)?;
            file.sync_all().map_err(failed)?;
            screen.say(format_args!(
                "hands off: nothing is done by itself any more to the servers of {}; an act that is under way is finished.\n\
                 Let it go on: mailmedic recovery resume",
                data.root().display()
            ))
        }
        Switch::Resume => match std::fs::remove_file(&path) {
            Ok(()) => screen.say("recoveries go on"),
            Err(error) if error.kind() == ErrorKind::NotFound => screen.say("nothing was stopped"),
            Err(error) => Err(failed(error)),
        },
    }
}
