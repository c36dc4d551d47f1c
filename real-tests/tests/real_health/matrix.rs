//! The fault matrix: one row a fault.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use real_tests::Installation;
use serde_json::Value;

use crate::view::Health;

/// A fault that is about to be caused.
pub(crate) struct Fault<'a> {
    what: &'a str,
    health: Health<'a>,
}

/// A fault that was noticed.
pub(crate) struct Turned<'a> {
    what: &'a str,
    health: Health<'a>,
    monitor: String,
    detected: f64,
    pub(crate) row: Value,
}

impl<'a> Fault<'a> {
    pub(crate) fn new(installation: &'a Installation, what: &'a str) -> Self {
        Self { what, health: Health::of(installation) }
    }

    /// Causes it and waits until this monitor is Unhealthy.
    #[track_caller]
    pub(crate) fn turns(self, monitor: (&str, &str, &str), cause: impl FnOnce()) -> Turned<'a> {
        let began = Instant::now();
        cause();
        let row = self.health.until(monitor, "Unhealthy");
        let (server, name, target) = monitor;
        Turned {
            what: self.what,
            health: self.health,
            monitor: format!("{name} {target} on {server}").replace("  ", " "),
            detected: began.elapsed().as_secs_f64(),
            row,
        }
    }
}

impl Turned<'_> {
    /// What the monitor says must have these words.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let why = self.row["why"].as_str().unwrap();
        for word in words {
            assert!(why.contains(word), "{why:?} does not say {word:?}");
        }
        self
    }

    /// Something else happens, without which others would not notice.
    pub(crate) fn then(self, further: impl FnOnce()) -> Self {
        further();
        self
    }

    /// This monitor turns as well, and blames what has these words.
    #[track_caller]
    pub(crate) fn and_blames(self, monitor: (&str, &str, &str), words: &str) -> Self {
        let blamed = real_tests::wait::within(crate::view::PATIENCE, || {
            let row = self.health.row(monitor.0, monitor.1, monitor.2)?;
            row["blame"].as_str().is_some_and(|blame| blame.contains(words)).then_some(())
        });
        let row = || self.health.row(monitor.0, monitor.1, monitor.2);
        assert!(blamed.is_some(), "{monitor:?} does not blame {words:?}: {:#?}", row());
        self
    }

    /// This monitor says nothing.
    #[track_caller]
    pub(crate) fn while_healthy(self, (server, monitor, target): (&str, &str, &str)) -> Self {
        let row = self.health.row(server, monitor, target).unwrap();
        assert_eq!(row["alert_value"], "Healthy", "{row:#?}");
        self
    }

    /// The cause goes, and with it everything that was said.
    #[track_caller]
    pub(crate) fn heals(self, remedy: impl FnOnce()) {
        let began = Instant::now();
        remedy();
        self.health.until_all_healthy();
        self.write_down(&format!("{:.0} s", began.elapsed().as_secs_f64()));
    }

    /// The cause cannot be taken away here.
    pub(crate) fn stays(self) {
        self.write_down("for good");
    }

    fn write_down(&self, healthy_again: &str) {
        let (why, blame) =
            (self.row["why"].as_str().unwrap(), self.row["blame"].as_str().unwrap_or_default());
        let line = format!(
            "| {} | {} | {:.0} s | {} | {} | {healthy_again} |",
            self.what,
            self.monitor,
            self.detected,
            why.replace('|', "/"),
            blame,
        );
        write_down(&line);
    }
}

const HEAD: &str = "\
# Fault matrix

Faults really caused in the processes of `mailmedic up` (`real-tests/tests/real_health`): the monitor that turned Unhealthy
first of those that matter, how long after the fault, why, whom it blames, and how long after the cause was gone everything
was Healthy again. Two cores; services were not restarted by init. Written by the tests themselves.

| fault | monitor | Unhealthy after | why | blame | all Healthy after |
|---|---|---|---|---|---|
";

/// Whether what is found is written to the page, with the times of the definitions.
pub(crate) fn is_to_be_written() -> bool {
    std::env::var_os("MAILMEDIC_WRITE_MATRIX").is_some()
}

#[expect(clippy::print_stdout, reason = "the row belongs to the report")]
fn write_down(line: &str) {
    static PAGE: Mutex<()> = Mutex::new(());
    println!("{line}");
    if !is_to_be_written() {
        return;
    }
    let _turn = PAGE.lock().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fault-matrix.md");
    let page = fs::read_to_string(&file).unwrap_or_else(|_| HEAD.to_owned());
    let fault = line.split('|').nth(1).unwrap().to_owned();
    let mut lines: Vec<_> = page.lines().filter(|old| old.split('|').nth(1) != Some(&fault)).collect();
    lines.push(line);
    fs::write(file, lines.join("\n") + "\n").unwrap();
}
