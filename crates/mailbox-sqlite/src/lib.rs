//! The embedded engine of the mailbox store: one SQLite file a database.
