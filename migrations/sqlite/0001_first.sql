-- Times are microseconds since 1970 UTC, shares parts per million, documents JSON as text.

CREATE TABLE routes (
    name           TEXT    NOT NULL PRIMARY KEY,
    definition     TEXT    NOT NULL,
    generation     INTEGER NOT NULL,
    share          INTEGER NOT NULL CHECK (share BETWEEN 0 AND 1000000),
    serving        TEXT    NOT NULL CHECK (serving IN ('a', 'b')),
    label_a        TEXT,
    label_b        TEXT,
    holder         TEXT,
    last_completed TEXT,
    changed_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE plans (
    name     TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    parsed   TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    by       TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (name, revision)
) STRICT;

CREATE TABLE rollouts (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    plan          TEXT    NOT NULL,
    number        INTEGER NOT NULL,
    plan_revision INTEGER NOT NULL,
    route         TEXT    NOT NULL REFERENCES routes (name),
    owner         TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    phase         TEXT    NOT NULL,
    holds         INTEGER NOT NULL,
    ended_at      INTEGER,
    return_until  INTEGER,
    -- Number and hash of the last journal line: what the next one chains to.
    seq           INTEGER NOT NULL,
    head          TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    memory        TEXT    NOT NULL,
    UNIQUE (plan, number)
) STRICT;

CREATE UNIQUE INDEX rollouts_one_holder ON rollouts (route) WHERE holds = 1;
CREATE INDEX rollouts_live ON rollouts (route, holds DESC, id) WHERE ended_at IS NULL;
CREATE INDEX rollouts_return ON rollouts (return_until) WHERE return_until IS NOT NULL;
CREATE INDEX rollouts_by_plan ON rollouts (plan, id);
CREATE INDEX rollouts_by_route ON rollouts (route, id);

-- Beside the rollout, for it never changes and every look rewrites the row there.
CREATE TABLE programs (
    rollout INTEGER PRIMARY KEY REFERENCES rollouts (id),
    program TEXT    NOT NULL
) STRICT;

CREATE TABLE journal (
    rollout INTEGER NOT NULL REFERENCES rollouts (id),
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    detail  TEXT    NOT NULL,
    prev    TEXT    NOT NULL,
    hash    TEXT    NOT NULL,
    UNIQUE (rollout, seq)
) STRICT;

CREATE TRIGGER journal_keeps_its_lines BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_loses_no_line BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TABLE kills (
    route   TEXT    NOT NULL PRIMARY KEY,
    actor   TEXT    NOT NULL,
    because TEXT    NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

CREATE TABLE instances (
    route        TEXT    NOT NULL,
    node         TEXT    NOT NULL,
    boot         TEXT    NOT NULL,
    acknowledged INTEGER NOT NULL,
    served       INTEGER NOT NULL CHECK (served BETWEEN 0 AND 1000000),
    served_for   TEXT,
    seen         INTEGER NOT NULL,
    metrics      TEXT,
    PRIMARY KEY (route, node)
) STRICT;

CREATE TABLE outbox (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    rollout INTEGER NOT NULL REFERENCES rollouts (id),
    effect  TEXT    NOT NULL,
    tries   INTEGER NOT NULL,
    next    INTEGER NOT NULL,
    done_at INTEGER
) STRICT;

CREATE INDEX outbox_open ON outbox (id) WHERE done_at IS NULL;
CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;

CREATE TABLE pushed (
    route    TEXT    NOT NULL,
    arm      TEXT    NOT NULL,
    requests INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    PRIMARY KEY (route, arm)
) STRICT;

CREATE TABLE push_batches (
    route TEXT    NOT NULL,
    batch TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (route, batch)
) STRICT;

CREATE INDEX push_batches_at ON push_batches (at);

CREATE TABLE tokens (
    hash    BLOB    NOT NULL PRIMARY KEY,
    name    TEXT    NOT NULL,
    role    TEXT    NOT NULL,
    groups  TEXT    NOT NULL,
    created INTEGER NOT NULL,
    revoked INTEGER
) STRICT;

CREATE UNIQUE INDEX tokens_one_name ON tokens (name) WHERE revoked IS NULL;

CREATE TABLE answers (
    scope   TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    request BLOB    NOT NULL,
    status  INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;

CREATE INDEX answers_at ON answers (at);
