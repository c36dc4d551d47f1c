//! Why a command did not do what it was asked to.

use std::error::Error;
use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::process::ExitCode;

use admin_api::Problem;
use api_client::ClientError;

/// What is told, and the exit code that goes with it.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// It was tried and did not work: exit code 1.
    Failed(String),
    /// What was asked for makes no sense: exit code 2, as for arguments that cannot be parsed.
    BadInput(String),
    /// Whoever reads what is printed has gone; there is nobody to tell.
    NobodyReads,
}

/// How a command ends.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// It was tried and did not work.
    pub fn failed(error: impl Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// What was asked for makes no sense.
    pub fn bad_input(error: impl Display) -> Self {
        Self::BadInput(error.to_string())
    }

    /// It was tried and did not work, for the reason given and all that lie behind it.
    pub fn because(error: &dyn Error) -> Self {
        Self::Failed(chain(error))
    }

    /// Says so, and returns the exit code.
    pub fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Failed(text) => (text, 1),
            Self::BadInput(text) => (text, 2),
            Self::NobodyReads => return ExitCode::from(1),
        };
        // If the error output is closed too, the exit code has to do.
        let _ = writeln!(io::stderr(), "mailmedic: {text}");
        ExitCode::from(code)
    }
}

/// What cannot be printed cannot be helped.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::Failed(format!("cannot print: {error}")),
        }
    }
}

/// With the exit code that fits, and what to do about it where that is known.
impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Problem(problem) => problem.into(),
            ClientError::NoAgent { .. } => {
                Self::Failed(format!("{}; is `mailmedic up` running?", chain(&error)))
            }
            ClientError::NoAnswer { may_be_done: true, .. } => {
                Self::Failed(format!("{}; whether it is done is not known", chain(&error)))
            }
            _ => Self::because(&error),
        }
    }
}

/// With the exit code of its kind.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        match problem.kind.exit_code() {
            2 => Self::bad_input(problem),
            _ => Self::failed(problem),
        }
    }
}

/// An error and its causes in one line; a cause that the error names already is not repeated.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            // Writing into a string does not fail.
            let _ = write!(text, ": {said}");
        }
        source = cause.source();
    }
    text
}
