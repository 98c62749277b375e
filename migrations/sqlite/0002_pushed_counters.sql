-- Whatever observations add to, one row a counter: its name says what it counts, and in which segment.
CREATE TABLE push_counters (
    route   TEXT    NOT NULL,
    arm     TEXT    NOT NULL,
    series  TEXT    NOT NULL,
    value   REAL    NOT NULL CHECK (value BETWEEN 0 AND 1e300),
    updated INTEGER NOT NULL,
    PRIMARY KEY (route, arm, series)
) STRICT, WITHOUT ROWID;

INSERT INTO push_counters (route, arm, series, value, updated)
    SELECT route, arm, 'requests', requests, updated FROM pushed
    UNION ALL
    SELECT route, arm, 'failures', failures, updated FROM pushed;

DROP TABLE pushed;

-- What senders may name: values of segments' attributes and, under the empty attribute, numbers. Few a route.
CREATE TABLE push_names (
    route     TEXT    NOT NULL,
    attribute TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    seen      INTEGER NOT NULL,
    PRIMARY KEY (route, attribute, name)
) STRICT, WITHOUT ROWID;

-- Users by a keyed hash of their id, first for ten minutes of outcomes, then to be counted once only.
CREATE TABLE push_users (
    route   TEXT    NOT NULL,
    arm     TEXT    NOT NULL,
    segment TEXT    NOT NULL,
    user    INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    failed  INTEGER NOT NULL CHECK (failed IN (0, 1)),
    counted INTEGER NOT NULL CHECK (counted IN (0, 1)),
    PRIMARY KEY (route, arm, segment, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX push_users_age ON push_users (counted, first);

-- Of this database alone: no other's hash of the same user is the same.
CREATE TABLE push_key (key BLOB NOT NULL) STRICT;

INSERT INTO push_key (key) VALUES (randomblob(32));
