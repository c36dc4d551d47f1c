//! The POP3 protocol without sockets: bytes in, events out.
