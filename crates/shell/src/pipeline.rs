//! Running a script, and the commands that change, sort, count and show what comes out of others.
//!
//! All of a text is made ready before any of it runs. Then one pipeline runs after the other, and the first that does not
//! work is the last: what follows it was written in the belief that it did.

pub(crate) mod choosing;
mod comparing;
pub(crate) mod grouping;
pub(crate) mod json;
pub(crate) mod measuring;
pub(crate) mod ordering;
pub(crate) mod showing;
pub(crate) mod testing;
mod wildcard;

pub(crate) use wildcard::wildcard;

use crate::cmdlets::{Position, Prepared, Session, Trouble, find, prepared};
use crate::failure::{Failure, Outcome};
use crate::language::{Mistake, Pipeline, Script, parse};

/// A pipeline that is ready.
struct Ready {
    stages: Vec<Prepared>,
    /// Its last command prints by itself.
    prints: bool,
}

/// Runs a text, before which there were other lines.
pub(crate) fn run(source: &str, lines_before: usize, session: &Session<'_>) -> Outcome {
    let told = |mistake: &Mistake| Failure::bad_input(mistake.shown_in(source, lines_before));
    let script = parse(source).map_err(|mistake| told(&mistake))?;
    for pipeline in made_ready(script).map_err(|mistake| told(&mistake))? {
        pipeline.run(session).map_err(|trouble| match trouble {
            Trouble::Mistake(mistake) => told(&mistake),
            Trouble::Failure(failure) => failure,
        })?;
    }
    Ok(())
}

fn made_ready(script: Script) -> Result<Vec<Ready>, Mistake> {
    script.pipelines.into_iter().map(ready).collect()
}

fn ready(pipeline: Pipeline) -> Result<Ready, Mistake> {
    let mut ready = Ready { stages: Vec::new(), prints: false };
    let last = pipeline.stages.len() - 1;
    for (index, stage) in pipeline.stages.into_iter().enumerate() {
        let cmdlet = find(&stage.name)?;
        let place = stage.name.place.clone();
        let wrong = |what: String, instead| Err(Mistake::new(place, what, instead));
        match (cmdlet.position, index) {
            (Position::First, 1..) => {
                let what = format!("{} takes nothing from a pipeline", cmdlet.name);
                return wrong(what, "begin another one with ; and give it what it needs as parameters");
            }
            (Position::Later | Position::Last, 0) => {
                let what = format!("{} works on what comes out of another command", cmdlet.name);
                return wrong(what, "write one before it, as in Get-MailboxServer | Format-List");
            }
            (Position::Last, _) if index < last => {
                let what = format!("{} prints, so nothing can follow it", cmdlet.name);
                return wrong(what, "put it last, or Select-Object in its place");
            }
            _ => {}
        }
        ready.prints = cmdlet.position == Position::Last;
        ready.stages.push(prepared(cmdlet, stage)?);
    }
    Ok(ready)
}

impl Ready {
    fn run(self, session: &Session<'_>) -> Result<(), Trouble> {
        let mut values = Vec::new();
        for stage in self.stages {
            values = stage(session, values)?;
        }
        if !self.prints {
            showing::show(session, &values)?;
        }
        Ok(())
    }
}
