-- What the owners of accounts are told about their orders: rejections and expiries. Written by the replicas of
-- `notifications` (Sources/Services/Replicas/NoticeWriter.swift), one row a report, never changed. `type` is FIX tag 150
-- as ExecutionType numbers it: 8 rejected, 12 expired.
CREATE TABLE notice (
    execution  bigint   PRIMARY KEY,
    ver        bigint   NOT NULL,
    deleted    boolean  NOT NULL DEFAULT false,
    account    integer  NOT NULL,
    order_id   bigint   NOT NULL,
    type       smallint NOT NULL,
    rule       smallint NOT NULL,
    instrument integer  NOT NULL,
    cl_ord_id  text     NOT NULL,
    cumulative bigint   NOT NULL,
    time       bigint   NOT NULL
) WITH (autovacuum_vacuum_insert_threshold = -1);
CREATE INDEX notice_account ON notice (account, execution);
