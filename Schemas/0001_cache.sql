-- The cache's own tables: the clock that issues commit tickets, the outbox, the idempotency keys.

-- Exactly one row, the only issuer of tickets. Its lock is held until commit, so tickets are commit-ordered and
-- gapless: a snapshot that sees ts = n sees every batch up to n. The fill factor leaves room for HOT updates.
CREATE TABLE mc_clock (
    id    integer PRIMARY KEY CHECK (id = 1),
    ts    bigint NOT NULL,
    at    timestamptz NOT NULL,
    epoch integer NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

INSERT INTO mc_clock (id, ts, at, epoch) VALUES (1, 0, clock_timestamp(), 1);

-- The outbox: one row per ticket. `keys` lists the rows of shared spaces that the batch wrote, 10 bytes each: space
-- (2 bytes) and id (8 bytes), little endian. `nonce` tells whose batch it was when a COMMIT got no answer.
CREATE TABLE mc_commit (
    ct    bigint PRIMARY KEY,
    at    timestamptz NOT NULL,
    epoch integer NOT NULL,
    nonce bigint NOT NULL,
    keys  bytea NOT NULL CHECK (length(keys) % 10 = 0)
);

-- Idempotency keys of transactions that ask for one, kept for a day.
CREATE TABLE mc_idem (
    idem      text PRIMARY KEY CHECK (length(idem) BETWEEN 1 AND 64),
    ct        bigint NOT NULL,
    outcome   text NOT NULL,
    body_hash bigint NOT NULL,
    at        timestamptz NOT NULL
);
CREATE INDEX mc_idem_at ON mc_idem USING brin (at);
