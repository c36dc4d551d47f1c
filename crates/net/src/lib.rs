//! Listeners, TLS, deadlines, limits and draining: what a service does with sockets before it speaks a protocol.
