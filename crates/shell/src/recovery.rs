//! `mailmedic recovery`: what was done about what is Unhealthy, what comes next, and what forbids it.

use std::thread;
use std::time::Duration;

use admin_api::routes::{
    ApproveRecovery, ExplainRecovery, HoldRecovery, PullBrake, Recoveries, ReleaseBrake, ReleaseRecovery,
    ShowBrake, ShowRecovery, StopRecovery,
};
use admin_api::rows::{
    BrakeRow, ExplanationQuery, Reason, RecoveriesQuery, RecoveryExplanation, RecoveryRow, RecoveryState,
    RecoveryStory, TimelineRow,
};
use admin_api::{Listing, Nothing};
use clap::{Args, Subcommand};

use crate::columns::{Column, or_blank, show, show_one};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::screen::{Colour, Format, Output, Screen};

/// Show what was done about what is Unhealthy, what comes next and what forbids it
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic recovery list
  mailmedic recovery watch
  mailmedic recovery show mbx1-17
  mailmedic recovery explain PopDeepTestMonitor --server mbx1
  mailmedic recovery approve mbx1-17 --reason 'the users know'
  mailmedic recovery report --would-have"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the recoveries, the newest last
    #[command(after_help = "\
Examples:
  mailmedic recovery list
  mailmedic recovery list --server mbx1 --open
  mailmedic recovery list --output json")]
    List {
        /// Only those of this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// Only those that are not over
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Show a recovery with everything that happened in it
    #[command(after_help = "\
Example:
  mailmedic recovery show mbx1-17")]
    Show {
        /// Its id, as `recovery list` shows it
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        output: Output,
    },
    /// Say what comes next for monitors, why, and what forbids it
    #[command(after_help = "\
Examples:
  mailmedic recovery explain
  mailmedic recovery explain PopDeepTestMonitor --server mbx1
  mailmedic recovery explain PopCTPMonitor --target DB01

Without a monitor, of everything that is not Healthy.")]
    Explain {
        /// Only of this monitor
        #[arg(value_name = "MONITOR")]
        monitor: Option<String>,
        /// Only of this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// Only of this target
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Follow what happens, live; Ctrl-C ends it
    #[command(after_help = "\
Example:
  mailmedic recovery watch")]
    Watch {
        /// Only recoveries of this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Approve the rung that a recovery waits on, for an hour
    #[command(after_help = "\
Example:
  mailmedic recovery approve mbx1-17 --reason 'the users know'")]
    Approve(Word),
    /// Hold a recovery: the step under way is finished, and no next one is begun
    #[command(after_help = "\
Example:
  mailmedic recovery hold mbx1-17 --reason 'I want to look first'")]
    Hold(Word),
    /// Let a recovery that is held go on
    #[command(after_help = "\
Example:
  mailmedic recovery release mbx1-17")]
    Release(Word),
    /// Stop a recovery for good, and undo what it has blocked; or stop all of them
    #[command(after_help = "\
Examples:
  mailmedic recovery stop mbx1-17 --reason 'the disk is being changed'
  mailmedic recovery stop --all

With --all the file hands-off is written into the data directory of this machine: nothing is done by itself from then on by
any server of it, whatever else still works. `mailmedic recovery resume` removes it.")]
    Stop {
        /// Its id, as `recovery list` shows it
        #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// All of this machine, by a file; needs no agent
        #[arg(long)]
        all: bool,
        /// Why, for those who look later
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Let recoveries go on after `recovery stop --all`
    #[command(after_help = "\
Example:
  mailmedic recovery resume")]
    Resume,
    /// Show, pull or release the brake: while it is pulled no server is emptied or restarted anywhere
    #[command(after_help = "\
Examples:
  mailmedic recovery brake
  mailmedic recovery brake --pull --reason 'the network is being changed'
  mailmedic recovery brake --release")]
    Brake {
        /// Pull it
        #[arg(long, conflicts_with = "release")]
        pull: bool,
        /// Release it
        #[arg(long)]
        release: bool,
        /// Why, for those who look later
        #[arg(long, value_name = "TEXT", requires = "pull")]
        reason: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Count what was done; with --would-have, show what would have been done if the mode were not observe
    #[command(after_help = "\
Examples:
  mailmedic recovery report
  mailmedic recovery report --would-have")]
    Report {
        /// What would have been done if the mode were not observe
        #[arg(long)]
        would_have: bool,
        /// Only of this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

/// A recovery, and why.
#[derive(Args, Debug)]
struct Word {
    /// Its id, as `recovery list` shows it
    #[arg(value_name = "ID")]
    id: String,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// How often it is looked for what happened.
const LOOK: Duration = Duration::from_millis(500);

const COLUMNS: &[Column<RecoveryRow>] = &[
    Column::new("ID", |row, _| row.id.clone()),
    Column::new("BEGAN", |row, screen| screen.moment(&row.began)),
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("MONITOR", |row, _| row.monitor.clone()),
    Column::new("TARGET", |row, _| or_blank(row.target.as_ref())),
    Column::new("STATE", |row, screen| screen.coloured(row.state.word(), colour(row.state))),
    Column::new("RUNG", |row, _| format!("{}/{} {}", row.rung, row.rungs, row.action)),
    Column::new("ENDED", |row, screen| {
        row.ended.as_ref().map(|ended| screen.moment(ended)).unwrap_or_default()
    }),
    Column::new("WAITS FOR", |row, _| or_blank(row.waits_for.as_ref())),
    Column::in_lists("LADDER", |row, _| row.ladder.clone()),
    Column::in_lists("WHY", |row, _| row.why.clone()),
    Column::in_lists("BLAME", |row, _| row.blame.clone()),
    Column::in_lists("HELD BY", |row, _| or_blank(row.held_by.as_ref())),
    Column::in_lists("CALLED", |row, _| or_blank(row.called.as_ref())),
    Column::in_lists("WOULD HAVE", |row, _| row.withheld.join("\n")),
];

const WOULD_HAVE: &[Column<RecoveryRow>] = &[
    Column::new("ID", |row, _| row.id.clone()),
    Column::new("BEGAN", |row, screen| screen.moment(&row.began)),
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("MONITOR", |row, _| row.monitor.clone()),
    Column::new("TARGET", |row, _| or_blank(row.target.as_ref())),
    Column::new("WOULD HAVE", |row, _| row.withheld.join("; ")),
    Column::new("ENDED", |row, screen| {
        row.ended.as_ref().map(|ended| screen.moment(ended)).unwrap_or_default()
    }),
    Column::in_lists("WHY", |row, _| row.why.clone()),
];

const EXPLANATIONS: &[Column<RecoveryExplanation>] = &[
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("MONITOR", |row, _| row.monitor.clone()),
    Column::new("TARGET", |row, _| or_blank(row.target.as_ref())),
    Column::new("ALERT VALUE", |row, _| row.alert_value.clone()),
    Column::in_lists("WHY", |row, _| row.why.clone()),
    Column::in_lists("BLAME", |row, _| or_blank(row.blame.as_ref())),
    Column::new("RECOVERY", |row, _| or_blank(row.recovery.as_ref())),
    Column::new("NEXT", |row, _| row.next.clone()),
    Column::new("FORBIDDEN BECAUSE", |row, _| or_blank(row.forbidden.as_ref())),
    Column::in_lists("LADDER", |row, _| {
        let rungs = row.ladder.iter().enumerate().map(|(index, rung)| {
            let here = if rung.current { ">" } else { " " };
            let when =
                if rung.when.is_empty() { String::new() } else { format!(", only when {}", rung.when) };
            format!("{here}{} {} ({}{when})", index + 1, rung.action, rung.mode)
        });
        rungs.collect::<Vec<_>>().join("\n")
    }),
];

const BRAKE: &[Column<BrakeRow>] = &[
    Column::new("BRAKE", |row, _| if row.pulled { "pulled" } else { "released" }.to_owned()),
    Column::new("BY", |row, _| or_blank(row.by.as_ref())),
    Column::new("REASON", |row, _| or_blank(row.reason.as_ref())),
    Column::new("SINCE", |row, screen| {
        row.since.as_ref().map(|since| screen.moment(since)).unwrap_or_default()
    }),
];

fn colour(state: RecoveryState) -> Colour {
    match state {
        RecoveryState::Recovered | RecoveryState::HealedByItself => Colour::Good,
        RecoveryState::Escalated => Colour::Bad,
        _ => Colour::Attention,
    }
}

impl Arguments {
    /// Whether it is done by a file alone, for which no agent is needed.
    pub fn by_file(&self) -> Option<Switch> {
        match self.command {
            Command::Stop { all: true, .. } => Some(Switch::Stop),
            Command::Resume => Some(Switch::Resume),
            _ => None,
        }
    }

    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        match self.command {
            Command::List { server, open, output } => {
                let listing = connection.get(&Recoveries {}, &RecoveriesQuery { server, open })?;
                show(screen, output, &listing, COLUMNS, "no recoveries")
            }
            Command::Show { id, output } => {
                let story = connection.get(&ShowRecovery { id }, &Nothing {})?;
                tell_story(screen, output, &story)
            }
            Command::Explain { monitor, server, target, output } => {
                let all = monitor.is_none();
                let query = ExplanationQuery { server, monitor, target };
                let mut listing = connection.get(&ExplainRecovery {}, &query)?;
                listing.rows.retain(|row| !all || row.alert_value != "Healthy");
                let nothing =
                    if all { "everything is Healthy: nothing comes next" } else { "it is not watched there" };
                // One is explained at length.
                match (listing.rows.as_slice(), output.format()) {
                    ([one], Format::Table) => {
                        show_one(screen, output, one, EXPLANATIONS)?;
                        let rest = Listing::<RecoveryExplanation> { rows: Vec::new(), ..listing };
                        rest.unanswered.iter().for_each(|missing| {
                            screen.note(format_args!("{} did not answer: {}", missing.server, missing.why));
                        });
                        Ok(())
                    }
                    _ => show(screen, output, &listing, EXPLANATIONS, nothing),
                }
            }
            Command::Watch { server, output } => watch(screen, output, connection, server.as_ref()),
            Command::Approve(word) => {
                let row =
                    connection.send(&ApproveRecovery { id: word.id }, &Reason { reason: word.reason })?;
                show_one(screen, word.output, &row, COLUMNS)
            }
            Command::Hold(word) => {
                let row = connection.send(&HoldRecovery { id: word.id }, &Reason { reason: word.reason })?;
                show_one(screen, word.output, &row, COLUMNS)
            }
            Command::Release(word) => {
                let row =
                    connection.send(&ReleaseRecovery { id: word.id }, &Reason { reason: word.reason })?;
                show_one(screen, word.output, &row, COLUMNS)
            }
            Command::Stop { id, reason, output, .. } => {
                let id = id.ok_or_else(|| Failure::bad_input("say which recovery, or --all"))?;
                let row = connection.send(&StopRecovery { id }, &Reason { reason })?;
                show_one(screen, output, &row, COLUMNS)
            }
            // Done before anybody is asked.
            Command::Resume => Ok(()),
            Command::Brake { pull, release, reason, output } => {
                let row = match (pull, release) {
                    (true, _) => connection.send(&PullBrake {}, &Reason { reason })?,
                    (_, true) => connection.send(&ReleaseBrake {}, &Nothing {})?,
                    _ => connection.get(&ShowBrake {}, &Nothing {})?,
                };
                let listing = Listing { rows: vec![row], unanswered: Vec::new() };
                show(screen, output, &listing, BRAKE, "")
            }
            Command::Report { would_have, server, output } => {
                let query = RecoveriesQuery { server, open: false };
                let mut listing = connection.get(&Recoveries {}, &query)?;
                if would_have {
                    listing.rows.retain(|row| !row.withheld.is_empty());
                    return show(screen, output, &listing, WOULD_HAVE, "nothing would have been done");
                }
                report(screen, output, &listing)
            }
        }
    }
}

/// What is done by a file alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Nothing is done by itself any more.
    Stop,
    /// It is again.
    Resume,
}

fn tell_story(screen: &Screen, output: Output, story: &RecoveryStory) -> Outcome {
    if output.format() == Format::Json {
        return screen.json(story);
    }
    show_one(screen, output, &story.recovery, COLUMNS)?;
    screen.say("")?;
    for row in &story.timeline {
        screen.say(line(screen, None, row))?;
    }
    Ok(())
}

fn line(screen: &Screen, id: Option<&str>, row: &TimelineRow) -> String {
    let id = id.map(|id| format!("{id}  ")).unwrap_or_default();
    format!("{}  {id}{}: {}", screen.moment(&row.at), row.what, row.detail)
}

/// How many recoveries ended in which way.
fn report(screen: &Screen, output: Output, listing: &Listing<RecoveryRow>) -> Outcome {
    if output.format() == Format::Json {
        return screen.json(listing);
    }
    let mut counts = std::collections::BTreeMap::<(&str, &str, &str), usize>::new();
    for row in &listing.rows {
        *counts.entry((&row.server, &row.monitor, row.state.word())).or_default() += 1;
    }
    if counts.is_empty() {
        screen.note("no recoveries");
        return Ok(());
    }
    let rows = counts.iter().map(|((server, monitor, state), count)| {
        vec![(*server).to_owned(), (*monitor).to_owned(), (*state).to_owned(), count.to_string()]
    });
    screen.say(screen.table(&["SERVER", "MONITOR", "STATE", "RECOVERIES"], rows))
}

/// Prints everything that happens, for ever. An agent that does not answer for a while is waited for.
fn watch(screen: &Screen, output: Output, connection: &Connection, server: Option<&String>) -> Outcome {
    let mut known = std::collections::BTreeMap::<String, usize>::new();
    let mut first = true;
    let mut told = None;
    loop {
        let look = || -> Outcome<Vec<RecoveryStory>> {
            let query = RecoveriesQuery { server: server.cloned(), open: false };
            let listing = connection.get(&Recoveries {}, &query)?;
            let wanted = listing.rows.into_iter().filter(|row| {
                // What is over and was told of to the end has nothing new.
                row.ended.is_none() || !known.contains_key(&row.id) || known.get(&row.id) != Some(&usize::MAX)
            });
            wanted.map(|row| connection.get(&ShowRecovery { id: row.id }, &Nothing {})).collect()
        };
        match look() {
            Err(Failure::Failed(why)) => {
                if told.as_ref() != Some(&why) {
                    screen.note(&why);
                    told = Some(why);
                }
            }
            Err(error) => return Err(error),
            Ok(stories) => {
                told = None;
                for story in stories {
                    let id = &story.recovery.id;
                    let over = story.recovery.ended.is_some();
                    let seen = known.get(id).copied().unwrap_or(0);
                    // What was over before anybody watched is history.
                    let skipped = if first && over { story.timeline.len() } else { seen };
                    for row in story.timeline.iter().skip(skipped) {
                        match output.format() {
                            Format::Json => screen.json(row)?,
                            _ => screen.say(line(screen, Some(id), row))?,
                        }
                    }
                    known.insert(id.clone(), if over { usize::MAX } else { story.timeline.len() });
                }
                if first {
                    screen.note("watching; Ctrl-C ends it");
                }
                first = false;
            }
        }
        thread::sleep(LOOK);
    }
}
