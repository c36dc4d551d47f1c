//! The engine against its promises, crashes, faults and a full disk.

mod conformance;
mod fixture;
