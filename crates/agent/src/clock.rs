//! Wall-clock time, for records and for people. Nothing is decided by it.

use admin_api::Moment;
use jiff::Timestamp;
use placement::UnixMillis;

/// Now, for a record.
pub(crate) fn unix_millis() -> UnixMillis {
    UnixMillis(u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0))
}

/// Now, for people.
pub(crate) fn now() -> Moment {
    moment(unix_millis())
}

/// The time of a record, for people: always with three decimals, so that texts sort as moments do.
pub(crate) fn moment(UnixMillis(millis): UnixMillis) -> Moment {
    let timestamp = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    let text = timestamp.unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    Moment::parse(&text).expect("it was written in this form")
}
