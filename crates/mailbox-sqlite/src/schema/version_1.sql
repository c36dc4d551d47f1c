-- One row: what the whole database knows of itself.
CREATE TABLE database (
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    token_epoch     INTEGER NOT NULL,   -- the fencing token of the last mount
    token_revision  INTEGER NOT NULL,
    epoch           INTEGER NOT NULL,   -- in the names of messages; another after each restore
    next_uid        INTEGER NOT NULL,
    next_mailbox    INTEGER NOT NULL,
    change          INTEGER NOT NULL    -- the stamp of the last deletion
) STRICT;

-- A snapshot is one of these rows. A removed mailbox keeps its row, without its name.
CREATE TABLE mailbox (
    id        BLOB PRIMARY KEY,         -- 16 bytes, given by the directory
    number    INTEGER NOT NULL,         -- stands for the id in the other tables
    name      TEXT NOT NULL,
    removed   INTEGER NOT NULL,
    highest   INTEGER NOT NULL,         -- the highest uid delivered
    change    INTEGER NOT NULL,         -- the stamp of the last deletion
    messages  INTEGER NOT NULL,         -- stamped ones not counted
    octets    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A mailbox's rows lie side by side, in the order in which they are listed.
CREATE TABLE message (
    mailbox   INTEGER NOT NULL,
    uid       INTEGER NOT NULL,
    stamp     INTEGER NOT NULL,         -- 0, or the change that deleted the message
    octets    INTEGER NOT NULL,
    header    INTEGER NOT NULL,
    wire      INTEGER NOT NULL,
    received  INTEGER NOT NULL,
    epoch     INTEGER NOT NULL,         -- the message's name is epoch and uid,
    uidl      TEXT,                     -- unless it was imported with another one
    PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX message_uidl ON message (mailbox, uidl) WHERE uidl IS NOT NULL;

-- Bodies in wire form. Mail is appended at the end, whoever it is for.
CREATE TABLE chunk (
    place  INTEGER PRIMARY KEY,         -- uid * 2^20 + the chunk's index
    crc    INTEGER NOT NULL,            -- CRC-32C of the body
    body   BLOB NOT NULL
) STRICT;

-- What was stored lately, so that it is stored once.
CREATE TABLE delivery (
    uid      INTEGER PRIMARY KEY,
    id       BLOB NOT NULL,
    mailbox  INTEGER NOT NULL,
    at       INTEGER NOT NULL           -- when it was stored, in seconds since 1970
) STRICT;

CREATE UNIQUE INDEX delivery_id ON delivery (id, mailbox);

-- Which messages are yet to be removed: those between two uids that carry this stamp.
CREATE TABLE deletion (
    change   INTEGER PRIMARY KEY,
    id       BLOB NOT NULL,             -- whose mailbox, by both its names
    mailbox  INTEGER NOT NULL,
    lowest   INTEGER NOT NULL,
    highest  INTEGER NOT NULL
) STRICT;
