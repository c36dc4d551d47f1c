//! The body of every service: admin socket, protocol log, service log, counters, live settings.
