//! Everything an operator can set, as checked values.
