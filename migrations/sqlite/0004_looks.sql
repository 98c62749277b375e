-- What the judge was given, look by look, as bytes of `judge::Chunk`. Numbers from 1; `seq` is that of a chunk's first.
CREATE TABLE looks (
    rollout INTEGER NOT NULL REFERENCES rollouts (id),
    seq     INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    looks   INTEGER NOT NULL,
    -- The evidence before look 1, in its row.
    start   TEXT,
    chunk   BLOB    NOT NULL,
    PRIMARY KEY (rollout, seq)
) STRICT;

-- Which rollouts have looks, without reading them all.
CREATE INDEX looks_begin ON looks (rollout) WHERE seq = 1;
