//! Who a user is: names, credentials, and the database of a mailbox.
