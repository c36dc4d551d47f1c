//! The HTTP contract of the agents: which routes there are, who may use them, what is asked and what is answered.
//!
//! One table, [`routes`], is read by the client, by the agents and by the [OpenAPI document](openapi()), so that they cannot
//! disagree. Any agent answers for all servers: a list comes as a [`Listing`], which names the servers that did not answer,
//! and what is not done comes as a [`Problem`], which says whose fault it is and whether a retry helps.
//!
//! Fields are written `like_this`, words that stand for a state `like-this`.
//!
//! Pure: no sockets and no web framework. `api-client` asks over this contract, `agent` answers by it.

mod caller;
mod listing;
mod moment;
mod openapi;
mod problem;
pub mod routes;
pub mod rows;

pub use caller::{Caller, Role};
pub use listing::{Listing, Nothing, Unanswered};
pub use moment::{Moment, NotAMoment};
pub use openapi::openapi;
pub use problem::{Fault, Kind, Problem};
pub use routes::{Endpoint, Method, Route};
