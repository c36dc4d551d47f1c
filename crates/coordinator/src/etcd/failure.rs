//! What etcd's failures mean.

use std::error::Error;

use super::messages::ErrorBody;
use crate::CoordinatorError;

/// What a status of gRPC says about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The request is wrong, or forbidden.
    Refused,
    /// The lease is not there.
    LeaseGone,
    /// This member cannot, and nothing was done; another one may.
    NotDone,
    /// This member does not know whether it was done.
    Unknown,
}

/// Judges an error of etcd's, by its code (google.rpc.Code) and, where that is not enough, its text.
pub(super) fn meaning(error: &ErrorBody) -> Meaning {
    match (error.code, error.message.as_str()) {
        (5, message) if message.contains("lease not found") => Meaning::LeaseGone,
        // Invalid argument, not found, already exists, permission denied, failed precondition, out of range,
        // unimplemented, unauthenticated.
        (3 | 5 | 6 | 7 | 9 | 11 | 12 | 16, _) => Meaning::Refused,
        // Resource exhausted: too many requests, or no space.
        (8, _) => Meaning::NotDone,
        (14, message) if message.contains("no leader") || message.contains("not started") => Meaning::NotDone,
        _ => Meaning::Unknown,
    }
}

/// An answer that is none.
pub(super) fn garbled(
    operation: &'static str,
    error: impl Error + Send + Sync + 'static,
) -> CoordinatorError {
    CoordinatorError::unavailable(operation, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(code: u32, message: &str) -> Meaning {
        meaning(&ErrorBody { message: message.into(), code })
    }

    #[test]
    fn only_what_certainly_did_not_happen_counts_as_not_done() {
        assert_eq!(judged(14, "etcdserver: no leader"), Meaning::NotDone);
        assert_eq!(judged(8, "etcdserver: mvcc: database space exceeded"), Meaning::NotDone);
        assert_eq!(judged(14, "etcdserver: request timed out"), Meaning::Unknown);
        assert_eq!(judged(14, "etcdserver: leader changed"), Meaning::Unknown);
        assert_eq!(judged(4, "context deadline exceeded"), Meaning::Unknown);
        assert_eq!(judged(13, "internal"), Meaning::Unknown);
    }

    #[test]
    fn a_missing_lease_is_told_from_a_bad_request() {
        assert_eq!(judged(5, "etcdserver: requested lease not found"), Meaning::LeaseGone);
        assert_eq!(judged(3, "etcdserver: duplicate key given in txn request"), Meaning::Refused);
        assert_eq!(judged(7, "etcdserver: permission denied"), Meaning::Refused);
    }
}
