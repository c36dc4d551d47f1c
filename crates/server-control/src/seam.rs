//! The seams: what an agent asks of whoever starts services and gives power.

use std::future::Future;
use std::pin::Pin;

use settings::ServerName;

use crate::{ControlError, Killed, PowerReport, RequestId, ServiceName, ServiceReport};

/// An answer under way. It comes within the limits of its engine. Dropping it takes nothing back.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ControlError>> + Send + 'a>>;

/// The services of one server.
///
/// What was done is answered when it is done: after `Ok` the service runs, or has stopped.
pub trait ServiceControl: Send + Sync + 'static {
    /// How every service of the server is, read anew at every call.
    fn services(&self) -> Answer<'_, Vec<ServiceReport>>;

    /// Makes the service run, whatever kept it from that; one that runs is left alone.
    fn start(&self, service: &ServiceName) -> Answer<'_, ()>;

    /// Stops the service as a human does: it drains, and it stays stopped until [`start`](Self::start) or
    /// [`restart`](Self::restart).
    fn stop(&self, service: &ServiceName) -> Answer<'_, ()>;

    /// Replaces the process of the service, which drains, or starts the service if it has none.
    fn restart(&self, service: &ServiceName) -> Answer<'_, ()>;

    /// Ends the process of the service at once (SIGKILL), answered when it is certainly gone. What starts dead services
    /// again (rung 0) may start this one again afterwards: whatever must not run then is kept from it by other means.
    fn kill(&self, service: &ServiceName) -> Answer<'_, Killed>;
}

/// The power of servers.
///
/// A request with an id that was seen before is not carried out again: it is answered as the first one was.
pub trait ServerPower: Send + Sync + 'static {
    /// How the power of the server is.
    fn power(&self, server: &ServerName) -> Answer<'_, PowerReport>;

    /// Shuts the server down in order and boots it again. `Ok` says that it is under way: a new boot id says that it is
    /// over.
    fn restart(&self, server: &ServerName, id: &RequestId) -> Answer<'_, ()>;

    /// Cuts the server from power, which returns. `Ok` says that the boot before is over: what it ran is gone, or the
    /// kernel is ending it.
    fn cycle(&self, server: &ServerName, id: &RequestId) -> Answer<'_, ()>;
}
