//! The shell at a terminal.

use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::completion::complete;
use super::leaves;
use crate::cmdlets::Session;
use crate::failure::{Failure, Outcome};
use crate::language::parse;
use crate::pipeline;

const PROMPT: &str = "mailmedic> ";

/// Reads and runs lines until there are no more; one that does not work is told, and the next is read.
pub(super) fn converse(session: &Session<'_>) -> Outcome {
    let no_terminal = |error| Failure::failed(format!("the terminal cannot be used: {error}"));
    let config = Config::builder().completion_type(CompletionType::List).build();
    let mut editor: Editor<Assistant, FileHistory> = Editor::with_config(config).map_err(no_terminal)?;
    editor.set_helper(Some(Assistant));
    let history = history_file();
    if let Some(file) = &history {
        // There is none the first time; and a shell without a history is a shell.
        let _ = editor.load_history(file);
    }
    loop {
        let line = match editor.readline(PROMPT) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(no_terminal(error)),
        };
        if leaves(&line) {
            break;
        }
        if !line.trim().is_empty() {
            let _ = editor.add_history_entry(&line);
        }
        match pipeline::run(&line, 0, session) {
            Ok(()) => {}
            Err(Failure::Failed(text) | Failure::BadInput(text)) => session.screen.note(text),
            Err(Failure::NobodyReads) => return Err(Failure::NobodyReads),
        }
    }
    if let Some(file) = &history {
        let _ = editor.append_history(file);
    }
    Ok(())
}

/// Where the lines of earlier sessions are, as the XDG base directory specification has it.
fn history_file() -> Option<PathBuf> {
    let given = |name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let state = given("XDG_STATE_HOME").or_else(|| Some(given("HOME")?.join(".local/state")))?;
    let folder = state.join("mailmedic");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("shell-history"))
}

/// What helps while a line is written.
struct Assistant;

impl Helper for Assistant {}
impl Highlighter for Assistant {}
impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete(&line[..at]))
    }
}

impl Validator for Assistant {
    /// What cannot be all yet goes on in the next line.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let incomplete = parse(context.input()).is_err_and(|mistake| mistake.is_incomplete());
        Ok(if incomplete { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}
