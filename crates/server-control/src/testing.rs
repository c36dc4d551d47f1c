//! Recording fakes of both seams, for the tests of whoever controls servers.
//!
//! They behave as the seams promise, at once and from memory; a test orders what goes wrong, and reads what was asked.

mod orders;
mod power;
mod services;

pub use power::FakePower;
pub use services::FakeServices;
