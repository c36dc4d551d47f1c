//! What a mailbox database is: values, the store trait, snapshot rules and the suite every engine must pass.
