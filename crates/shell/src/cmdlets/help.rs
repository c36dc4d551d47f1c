//! `Get-Help` and `Get-Command`: what the table says of itself.

use settings::nearest;

use super::{Cmdlet, Kind, Parameter, Position, TABLE, find};
use crate::language::Mistake;
use crate::pipeline::wildcard;
use crate::values::{Object, Value};

pub(super) const GET_HELP: Cmdlet = Cmdlet {
    name: "Get-Help",
    aliases: &["help", "man"],
    summary: "Explains a command, or this shell",
    parameters: || vec![Parameter::new("Name", Kind::Text, "The command").positional()],
    examples: &["Get-Help Set-MailboxServer", "help where"],
    position: Position::First,
    prepare: |given| {
        let text = match given.texts("Name").first() {
            Some(name) => explained(find(name)?),
            None => OVERVIEW.to_owned(),
        };
        Ok(Box::new(move |_, _| Ok(vec![text.into()])))
    },
};

const OVERVIEW: &str = "\
This shell reads a small, strict part of PowerShell: commands with -Parameters, pipelines, conditions.

  Get-Command                                        what commands there are
  Get-Help Set-MailboxServer                         what one takes, with examples
  Get-MailboxDatabaseCopyStatus | group Status       one gives what comes out to the next
  … | ?{$_.Status -ne \"Mounted\"}                     those for which a condition holds
  … | Sort-Object Name | Select-Object Name -First 3
  … | Format-List                                    everything there is to know
  … | ConvertTo-Json                                 for programs

Conditions have -eq -ne -gt -ge -lt -le -like -notlike -match -notmatch, -and -or -not and parentheses. Letters are the same \
whatever their case, and the name of a parameter may be cut short. ; parts commands, and # begins a comment. A mistake \
anywhere in what is typed, and nothing of it is done. exit leaves.";

fn explained(cmdlet: &Cmdlet) -> String {
    let mut text = format!("{}: {}\n\n  {}\n", cmdlet.name, cmdlet.summary, cmdlet.usage());
    if !cmdlet.aliases.is_empty() {
        text.extend(["\nAlso called: ", &cmdlet.aliases.join(", "), "\n"]);
    }
    let parameters = (cmdlet.parameters)();
    if !parameters.is_empty() {
        text += "\nParameters:\n";
    }
    for parameter in parameters {
        let names: Vec<_> = parameter.names().map(|name| format!("-{name}")).collect();
        let takes = parameter.kind.usage();
        let words: Vec<_> = parameter.help.split_whitespace().collect();
        text += format!("  {} {takes}", names.join(", ")).trim_end();
        text.extend(["\n      ", &words.join(" "), "\n"]);
    }
    let plural = if cmdlet.examples.len() == 1 { "" } else { "s" };
    text.extend(["\nExample", plural, ":\n  ", &cmdlet.examples.join("\n  ")]);
    text
}

pub(super) const GET_COMMAND: Cmdlet = Cmdlet {
    name: "Get-Command",
    aliases: &["gcm"],
    summary: "Lists the commands",
    parameters: || {
        vec![Parameter::new("Name", Kind::Text, "Only these; * stands for any letters").positional()]
    },
    examples: &["Get-Command", "Get-Command *Service"],
    position: Position::First,
    prepare: |given| {
        let names = given.texts("Name");
        let pattern = names.first().map(|name| wildcard(&name.what, &name.place)).transpose()?;
        let wanted = |cmdlet: &&Cmdlet| {
            pattern.as_ref().is_none_or(|pattern| cmdlet.names().any(|name| pattern.is_match(name)))
        };
        let found: Vec<&Cmdlet> = TABLE.iter().filter(wanted).collect();
        if let (Some(name), true) = (names.first(), found.is_empty()) {
            let near = nearest(&name.what, TABLE.iter().flat_map(Cmdlet::names));
            let instead = near.map_or_else(
                || "Get-Command alone lists all".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            return Err(Mistake::new(
                name.place.clone(),
                format!("there is no command called {}", name.what),
                instead,
            ));
        }
        Ok(Box::new(move |_, _| {
            let object = |cmdlet: &Cmdlet| {
                let aliases: Vec<&str> = cmdlet.aliases.to_vec();
                Object::default()
                    .with("Name", cmdlet.name)
                    .with("Aliases", aliases)
                    .with("Summary", cmdlet.summary)
            };
            Ok(found.into_iter().map(|cmdlet| Value::from(object(cmdlet))).collect())
        }))
    },
};
