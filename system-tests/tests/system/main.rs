//! What only all of it together can show.

mod conversations;
mod maildrop;
