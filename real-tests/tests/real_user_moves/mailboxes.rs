//! Where mailboxes are, and which of them are on the move.

use std::collections::BTreeMap;

use real_tests::Installation;
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

/// The mailboxes of an installation.
pub(crate) struct Mailboxes<'a>(&'a Installation);

impl<'a> Mailboxes<'a> {
    pub(crate) const fn of(installation: &'a Installation) -> Self {
        Self(installation)
    }

    /// The database that a user is in.
    #[track_caller]
    pub(crate) fn database_of(&self, user: &str) -> String {
        let shown = self.0.command(["user", "show", user, "--output", "json"]).succeeded();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        shown["database"].as_str().unwrap().to_owned()
    }

    /// The id of the move that a user's mailbox is on.
    pub(crate) fn moving(&self, user: &str) -> Option<String> {
        let name = if user.contains('@') { user.to_owned() } else { format!("{user}@example.com") };
        let moving = "SELECT moves.id FROM moves JOIN users ON users.id = moves.user WHERE users.name = ?1";
        self.directory().query_row(moving, [name], |row| row.get(0)).optional().unwrap()
    }

    /// What two minutes without a sign of life do: the mover of that move is taken to be dead.
    pub(crate) fn let_lapse(&self, id: &str) {
        self.directory().execute("UPDATE moves SET until = 0 WHERE id = ?1", [id]).unwrap();
    }

    fn directory(&self) -> Connection {
        let directory = Connection::open(self.0.data().join("directory.sqlite")).unwrap();
        directory.busy_timeout(real_tests::wait::PATIENCE).unwrap();
        directory
    }

    /// Proves that nothing moves, and that no mailbox is anywhere but in the database of its user.
    #[track_caller]
    pub(crate) fn prove_that_each_is_in_one_place(&self) {
        let moving: u32 =
            self.directory().query_row("SELECT count(*) FROM moves", [], |row| row.get(0)).unwrap();
        assert_eq!(moving, 0, "moves that are not over");
        let users: BTreeMap<String, String> = self
            .listed(&["user", "list"])
            .iter()
            .map(|user| (text(&user["mailbox"]), text(&user["database"])))
            .collect();
        let mailboxes = self.listed(&["mailbox", "list"]);
        for mailbox in &mailboxes {
            let id = text(&mailbox["mailbox"]);
            let places = mailboxes.iter().filter(|other| other["mailbox"] == *id).count();
            assert_eq!(places, 1, "in several places: {mailbox}");
            assert_eq!(users.get(&id), Some(&text(&mailbox["database"])), "in the wrong place: {mailbox}");
        }
    }

    #[track_caller]
    fn listed(&self, command: &[&str]) -> Vec<Value> {
        let said = self.0.command([command, &["--output", "json"]].concat()).succeeded();
        serde_json::from_str(&said).unwrap()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
