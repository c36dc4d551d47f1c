-- The life of the store and its counters: one row.
CREATE TABLE store (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    epoch      INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    compacted  INTEGER NOT NULL,
    next_lease INTEGER NOT NULL
) STRICT;

-- What is there.
CREATE TABLE entry (
    key      TEXT PRIMARY KEY,
    value    BLOB NOT NULL,
    created  INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    lease    INTEGER
) STRICT, WITHOUT ROWID;

-- Leases that run, and for how long from each time they are kept alive.
CREATE TABLE lease (
    id           INTEGER PRIMARY KEY,
    milliseconds INTEGER NOT NULL
) STRICT;

-- What each revision after store.compacted changed, in order. No value means that the entry was deleted.
CREATE TABLE history (
    revision INTEGER NOT NULL,
    place    INTEGER NOT NULL,
    key      TEXT NOT NULL,
    value    BLOB,
    created  INTEGER,
    lease    INTEGER,
    PRIMARY KEY (revision, place)
) STRICT, WITHOUT ROWID;
