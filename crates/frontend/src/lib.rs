//! The front end: accepts clients, finds their mailbox server and relays.
