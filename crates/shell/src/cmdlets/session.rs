//! What the commands of the shell work with.

use std::cell::OnceCell;

use crate::connection::Connection;
use crate::failure::Outcome;
use crate::screen::{Format, Screen};

/// A session of the shell: the agents, which are looked for when something is first asked of them, and the screen.
pub(crate) struct Session<'a> {
    open: &'a dyn Fn() -> Outcome<Connection>,
    connection: OnceCell<Connection>,
    /// Where is printed.
    pub(crate) screen: &'a Screen,
    /// What results look like if a pipeline does not say: [`Format::Table`] leaves it to the objects.
    pub(crate) format: Format,
}

impl<'a> Session<'a> {
    /// A session that has asked nothing yet.
    pub(crate) fn new(open: &'a dyn Fn() -> Outcome<Connection>, screen: &'a Screen, format: Format) -> Self {
        Self { open, connection: OnceCell::new(), screen, format }
    }

    /// The agents.
    pub(crate) fn agents(&self) -> Outcome<&Connection> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection);
        }
        let connection = (self.open)()?;
        Ok(self.connection.get_or_init(|| connection))
    }
}
