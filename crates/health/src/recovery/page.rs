//! The page of the documentation about the ladders, written from the ladders.

use std::fmt::Write as _;

use super::ladder::{Class, Ladder, Rung, Then};
use super::ladders::LADDERS;

/// Every ladder as text and as a diagram, as Markdown.
pub fn ladders_page() -> String {
    let mut page = String::from(
        "# Ladders\n\n\
         What is done by itself when a monitor is Unhealthy. This page is written from the ladders themselves \
         (`crates/health/src/recovery/ladders.rs`). *Page* is the Exchange Server 2013 page \"Troubleshooting POP Health \
         Set\", whose steps a person follows by hand.\n\n\
         Before a rung, a probe that ended less than five seconds ago has to fail still, what failed has to be to blame \
         itself, and nothing may forbid it: no maintenance, no Repairing mark, no stop or block of a person's, no brake, a \
         budget with something left, a free slot, enough other servers that are well, and for a fail-over the probe of \
         another server that agrees. After a rung it is looked again. `mailmedic recovery explain` says for any monitor \
         what comes next and what forbids it.\n",
    );
    for ladder in LADDERS {
        // Writing into a string does not fail.
        let _ = write!(
            page,
            "\n## {}\n\n{}\n\nMonitors: {}.\n",
            ladder.name,
            ladder.what,
            ladder.monitors.join(", ")
        );
        if !ladder.acts() {
            continue;
        }
        let _ = write!(page, "\n```mermaid\nflowchart TD\n{}```\n", diagram(ladder));
        page.push_str("\n| rung | action | only when | within | helped if | then | else | page | budget |\n");
        page.push_str("|---|---|---|---|---|---|---|---|---|\n");
        for (index, rung) in ladder.rungs.iter().enumerate() {
            let when: Vec<_> = rung.when.iter().map(|when| when.words()).collect();
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} s | {} | {} | {} | {} | {} |",
                index + 1,
                rung.action.word(),
                if when.is_empty() { "always".to_owned() } else { when.join(", ") },
                rung.within.as_secs(),
                rung.verified_by.words(),
                then(rung.if_well),
                then(rung.if_not),
                if rung.of_page.is_empty() { "—" } else { rung.of_page },
                rung.action.class().word(),
            );
        }
        page.push('\n');
        for (index, rung) in ladder.rungs.iter().enumerate() {
            let _ = write!(page, "{}. **{}**: {}", index + 1, rung.action.word(), rung.what);
            if !rung.deviation.is_empty() {
                let _ = write!(page, " *Differs from the page:* {}.", rung.deviation);
            }
            page.push('\n');
        }
    }
    page
}

fn then(then: Then) -> &'static str {
    match then {
        Then::Recovered => "recovered",
        Then::Next => "next rung",
        Then::Escalate => "escalate",
    }
}

fn diagram(ladder: &Ladder) -> String {
    let mut text = String::new();
    let last = ladder.last();
    let goes_to = |index: usize, way: Then| match way {
        Then::Recovered => "well([recovered])".to_owned(),
        Then::Next => format!("r{}", index + 2),
        Then::Escalate => format!("r{}", last + 1),
    };
    for (index, rung) in ladder.rungs.iter().enumerate() {
        let shape = match rung.action.class() {
            Class::Free => format!("r{}[{}]", index + 1, rung.action.word()),
            class => format!("r{}[{}<br/>{} budget]", index + 1, rung.action.word(), class.word()),
        };
        let _ = writeln!(text, "    {shape}");
    }
    for (index, rung) in ladder.rungs.iter().enumerate().take(last) {
        text.push_str(&arrows(index, rung, goes_to));
    }
    text
}

fn arrows(index: usize, rung: &Rung, goes_to: impl Fn(usize, Then) -> String) -> String {
    let from = index + 1;
    let mut text = String::new();
    if rung.if_well == rung.if_not {
        let _ = writeln!(text, "    r{from} --> {}", goes_to(index, rung.if_well));
    } else {
        let _ = writeln!(text, "    r{from} -- helped --> {}", goes_to(index, rung.if_well));
        let _ = writeln!(text, "    r{from} -- did not --> {}", goes_to(index, rung.if_not));
    }
    if !rung.when.is_empty() {
        let _ = writeln!(text, "    r{from} -. does not apply .-> r{}", index + 2);
    }
    text
}
