-- Rows of `springtide cache check`: written and read back through every path of the cache, of no other meaning.
CREATE TABLE cache_probe (
    id      bigint  PRIMARY KEY,
    ver     bigint  NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    nonce   bigint  NOT NULL
) WITH (fillfactor = 50);
