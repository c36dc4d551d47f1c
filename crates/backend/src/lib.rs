//! The back end: serves the mailbox databases mounted on this server over POP3 and LMTP.
