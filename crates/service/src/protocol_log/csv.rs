//! A line as CSV (RFC 4180).

use std::cell::RefCell;
use std::io::Write;

use jiff::Timestamp;

use super::Line;

/// The names of the fields, in their order.
pub(super) const FIELDS: &str =
    "dateTime,sessionId,seqNumber,sIp,cIp,user,duration,rqsize,rpsize,command,parameters,context";

/// Puts `line` together and gives it to `take`, with its line feed.
pub(super) fn with_line(now: Timestamp, line: &Line<'_>, take: impl FnOnce(&[u8])) {
    thread_local! {
        static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    TEXT.with_borrow_mut(|text| {
        text.clear();
        put(text, now, line);
        take(text);
    });
}

fn put(text: &mut Vec<u8>, now: Timestamp, line: &Line<'_>) {
    let micros = line.duration.as_micros();
    // Writing to memory cannot fail.
    let _ = write!(text, "{:.3},{},{},{},{},", now, line.session, line.sequence, line.server, line.client);
    field(text, line.user);
    let _ = write!(text, ",{}.{:03},{},{},", micros / 1000, micros % 1000, line.request, line.reply);
    field(text, line.command);
    text.push(b',');
    field(text, line.parameters);
    text.push(b',');
    field(text, line.context);
    text.push(b'\n');
}

/// A field, quoted if it must be (RFC 4180 section 2). Control characters are written as escapes: an exchange is one line.
fn field(text: &mut Vec<u8>, value: &str) {
    if value.bytes().all(|octet| !octet.is_ascii_control() && octet != b'"' && octet != b',') {
        text.extend_from_slice(value.as_bytes());
        return;
    }
    text.push(b'"');
    for octet in value.bytes() {
        match octet {
            b'"' => text.extend_from_slice(b"\"\""),
            octet if octet.is_ascii_control() => {
                let _ = write!(text, "\\x{octet:02x}");
            }
            octet => text.push(octet),
        }
    }
    text.push(b'"');
}
