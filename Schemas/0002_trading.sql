-- Tables of the trading services. One table a space (Sources/Services/Rows/TradingSpaces.swift): key columns, `ver` (the
-- commit ticket that wrote the row), `deleted`, then the fields. Amounts are milli-yuan, quantities shares, times
-- microseconds since 1970 UTC. Unsigned 64-bit numbers are stored with the same bits.

CREATE TABLE account (
    account             bigint   PRIMARY KEY,
    ver                 bigint   NOT NULL,
    deleted             boolean  NOT NULL DEFAULT false,
    is_active           smallint NOT NULL,
    is_blocked          smallint NOT NULL,
    is_killed           smallint NOT NULL,
    is_reducing         smallint NOT NULL,
    account_group       smallint NOT NULL,
    boards              smallint NOT NULL,
    risk_level          smallint NOT NULL,
    order_value_max     bigint   NOT NULL,
    order_quantity_max  bigint   NOT NULL,
    daily_buy_max       bigint   NOT NULL,
    daily_sell_max      bigint   NOT NULL,
    gross_value_max     bigint   NOT NULL,
    open_value_max      bigint   NOT NULL,
    open_orders_max     integer  NOT NULL
);

CREATE TABLE instrument (
    instrument           bigint   PRIMARY KEY,
    ver                  bigint   NOT NULL,
    deleted              boolean  NOT NULL DEFAULT false,
    symbol               integer  NOT NULL UNIQUE,
    board                smallint NOT NULL,
    tick                 bigint   NOT NULL CHECK (tick > 0),
    lot                  bigint   NOT NULL CHECK (lot > 0),
    quantity_min         bigint   NOT NULL,
    quantity_max         bigint   NOT NULL,
    market_quantity_max  bigint   NOT NULL,
    previous_close       bigint   NOT NULL CHECK (previous_close > 0),
    limit_down           bigint   NOT NULL,
    limit_up             bigint   NOT NULL,
    is_tradable          smallint NOT NULL,
    average_daily_volume bigint   NOT NULL,
    risk_level           smallint NOT NULL
);

-- Rows that change with every batch: room for HOT updates, which clean up after themselves. PostgreSQL looks for dead
-- rows in a page whenever less of it is free than the fill factor asks for, so a low one makes every update clean the
-- page. Load balances with a fill factor of 60 and set it back to 90 afterwards, as `springtide demo` does: a third less
-- time and WAL an update. Vacuum waits for as many dead rows as there are rows: it belongs after the close.
CREATE TABLE cash (
    account   bigint  PRIMARY KEY,
    ver       bigint  NOT NULL,
    deleted   boolean NOT NULL DEFAULT false,
    balance   bigint  NOT NULL,
    unsettled bigint  NOT NULL
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 1.0);

CREATE TABLE position (
    account    integer NOT NULL,
    instrument integer NOT NULL,
    ver        bigint  NOT NULL,
    deleted    boolean NOT NULL DEFAULT false,
    settled    bigint  NOT NULL,
    unsettled  bigint  NOT NULL,
    PRIMARY KEY (account, instrument)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 1.0);

-- (session, day, cl_ord_id) is the idempotency key of orders: no table beside it.
CREATE TABLE orders (
    order_id        bigint   PRIMARY KEY,
    ver             bigint   NOT NULL,
    deleted         boolean  NOT NULL DEFAULT false,
    day             integer  NOT NULL,
    session         integer  NOT NULL,
    cl_ord_id       text     NOT NULL,
    account         integer  NOT NULL,
    instrument      integer  NOT NULL,
    side            smallint NOT NULL,
    type            smallint NOT NULL,
    time_in_force   smallint NOT NULL,
    status          smallint NOT NULL,
    price           bigint   NOT NULL,
    quantity        bigint   NOT NULL,
    cumulative      bigint   NOT NULL,
    carried         bigint   NOT NULL,
    turnover        bigint   NOT NULL,
    fees            bigint   NOT NULL,
    frozen          bigint   NOT NULL,
    priority        bigint   NOT NULL,
    replaces        bigint   NOT NULL,
    ended_by        bigint   NOT NULL,
    ended_by_id     text     NOT NULL,
    rule            smallint NOT NULL,
    reason          smallint NOT NULL,
    evaluated_low   bigint   NOT NULL,
    evaluated_high  bigint   NOT NULL,
    first_execution bigint   NOT NULL,
    reports         integer  NOT NULL,
    entered         bigint   NOT NULL,
    body_hash       bigint   NOT NULL,
    ended_by_hash   bigint   NOT NULL,
    UNIQUE (session, day, cl_ord_id)
) WITH (fillfactor = 85, autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_scale_factor = 1.0);

CREATE TABLE trade (
    trade_id          bigint   PRIMARY KEY,
    ver               bigint   NOT NULL,
    deleted           boolean  NOT NULL DEFAULT false,
    day               integer  NOT NULL,
    instrument        integer  NOT NULL,
    price             bigint   NOT NULL CHECK (price > 0),
    quantity          bigint   NOT NULL CHECK (quantity > 0),
    buy_order         bigint   NOT NULL,
    sell_order        bigint   NOT NULL,
    buy_account       integer  NOT NULL,
    sell_account      integer  NOT NULL,
    aggressor         smallint NOT NULL,
    buy_commission    bigint   NOT NULL,
    buy_transfer_fee  bigint   NOT NULL,
    sell_commission   bigint   NOT NULL,
    sell_transfer_fee bigint   NOT NULL,
    stamp_duty        bigint   NOT NULL,
    time              bigint   NOT NULL,
    sequence          bigint   NOT NULL
) WITH (autovacuum_vacuum_insert_threshold = -1);

CREATE TABLE partition (
    partition      bigint   PRIMARY KEY,
    ver            bigint   NOT NULL,
    deleted        boolean  NOT NULL DEFAULT false,
    day            integer  NOT NULL,
    owner          bigint   NOT NULL,
    last_sequence  bigint   NOT NULL,
    last_execution bigint   NOT NULL,
    last_trade     bigint   NOT NULL,
    phase          smallint NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE login (
    session        bigint   PRIMARY KEY,
    ver            bigint   NOT NULL,
    deleted        boolean  NOT NULL DEFAULT false,
    comp_id        text     NOT NULL UNIQUE,
    salt           bytea    NOT NULL,
    password_hash  bytea    NOT NULL,
    account_groups bigint   NOT NULL,
    may_trade      smallint NOT NULL
);

-- What people ask for: cash and shares with what open orders hold taken off. Statuses 0 and 1 are open.
CREATE VIEW cash_available AS
SELECT c.account, c.balance, c.unsettled, coalesce(h.held, 0) AS held, c.balance - coalesce(h.held, 0) AS available
  FROM cash c
  LEFT JOIN (SELECT account, sum(frozen) AS held FROM orders WHERE status IN (0, 1) AND side = 1 GROUP BY account) h
    USING (account);

CREATE VIEW position_available AS
SELECT p.account, p.instrument, p.settled, p.unsettled, coalesce(h.held, 0) AS held,
       p.settled - coalesce(h.held, 0) AS sellable
  FROM position p
  LEFT JOIN (SELECT account, instrument, sum(frozen) AS held FROM orders WHERE status IN (0, 1) AND side = 2
              GROUP BY account, instrument) h USING (account, instrument);
