//! The LMTP protocol without sockets: bytes in, events out.
