-- Every row of every site. A deleted one stays, as a tombstone: its `deleted` is set.
CREATE TABLE IF NOT EXISTS object (
    site INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    created REAL NOT NULL, -- of the machine's clock: what a list that lags goes by
    changed INTEGER NOT NULL, -- the number of the effect that wrote it last
    deleted INTEGER, -- of the site's clock
    due INTEGER, -- when billing looks at it next, of the site's clock
    document TEXT NOT NULL,
    PRIMARY KEY (site, kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS live ON object (site, kind, id) WHERE deleted IS NULL;
CREATE INDEX IF NOT EXISTS due ON object (site, due) WHERE due IS NOT NULL;

-- What objects are found by: each value of each field that is a key, and each pair of their metadata.
CREATE TABLE IF NOT EXISTS key (
    site INTEGER NOT NULL,
    kind TEXT NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (site, kind, field, value, id)
) WITHOUT ROWID;

-- What was done, in its order. Nothing is ever changed or taken from it, and the API does not show it.
CREATE TABLE IF NOT EXISTS effect (
    number INTEGER PRIMARY KEY,
    at REAL NOT NULL, -- of the machine's clock
    day TEXT NOT NULL, -- of the site's clock
    site INTEGER NOT NULL,
    call INTEGER, -- the call that did it; none, where the clock did
    actor TEXT NOT NULL, -- client, somebody, clock
    effect TEXT NOT NULL,
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    key TEXT, -- the old id, or the mark in the metadata
    amount INTEGER,
    currency TEXT
);

-- What is set for the whole server: sites, keys, the clock, cards, faults.
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
