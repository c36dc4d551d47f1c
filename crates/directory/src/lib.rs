//! Who a user is: names, credentials, and the database of a mailbox.
//!
//! - [`Name`] is how a user is called, [`Recipient`] how mail for one is addressed.
//! - [`Directory`] is the seam: what services ask, answered by [`SqliteDirectory`] here and by other engines
//!   later. It never blocks the async runtime.
//! - [`Administration`] changes the same file from the command line; it blocks, and it has no place in a service.
//! - [`Authenticator`] judges passwords over any directory, so that a flood of guesses starves nobody.
//! - [`Throttle`] slows the addresses that guess; it is a pure state machine.
//! - [`Moving`] is the record of a mailbox on its way to another database.
//!
//! Not here: where a database is mounted, what a mailbox holds, and what is said to the client.

pub mod administration;
mod authenticator;
mod bounded;
mod credential;
mod error;
mod lookup;
mod moving;
mod name;
mod password;
mod sqlite;
mod throttle;
mod user;

pub use administration::Administration;
pub use authenticator::{Authenticator, AuthenticatorSettings, Verification};
pub use credential::{Credential, CredentialError, Hashing, ScramKeys};
pub use error::{DirectoryError, Fault, Retry};
pub use lookup::{Answer, Candidate, Directory, InstallationSecret, Upgrade};
pub use moving::{MoveId, MoveIdError, MovePhase, Moving};
pub use name::{Name, NameError, Realm, Recipient};
pub use password::{Password, PasswordError};
pub use sqlite::{SqliteDirectory, SqliteSettings};
pub use throttle::{Admission, Throttle, ThrottleSettings};
pub use user::User;
