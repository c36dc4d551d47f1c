//! One server's init, and the power grid of a small data centre on loopback.
