//! POP3 mail access that heals itself.

fn main() {}
