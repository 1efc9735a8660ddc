public import CacheStack

/// The spaces of the trading services: one for each kind of row, with the table that keeps it in PostgreSQL.
///
/// | space | id | table | shared with other processes |
/// |---|---|---|---|
/// | accounts | account | `account` | yes: limits and permissions are changed by operators |
/// | instruments | instrument | `instrument` | yes: reference data |
/// | cash | account | `cash` | no: owned by the partition |
/// | positions | account, instrument | `position` | no |
/// | orders | order | `orders` | no |
/// | trades | trade | `trade` | no, append only |
/// | partitions | partition | `partition` | no: the fence of the sequencer |
/// | logins | session | `login` | yes |
public enum TradingSpaces {
    public static let accounts = SpaceSchema(
        space: SpaceID(rawValue: 1), table: "account", key: .id("account"),
        fields: [
            .init("is_active", .int16), .init("is_blocked", .int16), .init("is_killed", .int16),
            .init("is_reducing", .int16), .init("account_group", .int16), .init("boards", .int16),
            .init("risk_level", .int16), .init("order_value_max", .int64), .init("order_quantity_max", .int64),
            .init("daily_buy_max", .int64), .init("daily_sell_max", .int64), .init("gross_value_max", .int64),
            .init("open_value_max", .int64), .init("open_orders_max", .int32),
        ])

    public static let instruments = SpaceSchema(
        space: SpaceID(rawValue: 2), table: "instrument", key: .id("instrument"),
        fields: [
            .init("symbol", .int32), .init("board", .int16), .init("tick", .int64), .init("lot", .int64),
            .init("quantity_min", .int64), .init("quantity_max", .int64), .init("market_quantity_max", .int64),
            .init("previous_close", .int64), .init("limit_down", .int64), .init("limit_up", .int64),
            .init("is_tradable", .int16), .init("average_daily_volume", .int64), .init("risk_level", .int16),
        ])

    public static let cash = SpaceSchema(
        space: SpaceID(rawValue: 3), table: "cash", key: .id("account"),
        fields: [.init("balance", .int64), .init("unsettled", .int64)], isShared: false)

    public static let positions = SpaceSchema(
        space: SpaceID(rawValue: 4), table: "position", key: .pair("account", "instrument"),
        fields: [.init("settled", .int64), .init("unsettled", .int64)], isShared: false)

    public static let orders = SpaceSchema(
        space: SpaceID(rawValue: 5), table: "orders", key: .id("order_id"),
        fields: [
            .init("day", .int32), .init("session", .int32), .init("cl_ord_id", .text(max: 20)),
            .init("account", .int32), .init("instrument", .int32), .init("side", .int16), .init("type", .int16),
            .init("time_in_force", .int16), .init("status", .int16), .init("price", .int64),
            .init("quantity", .int64), .init("cumulative", .int64), .init("carried", .int64),
            .init("turnover", .int64), .init("fees", .int64), .init("frozen", .int64), .init("priority", .int64),
            .init("replaces", .int64), .init("ended_by", .int64), .init("ended_by_id", .text(max: 20)),
            .init("rule", .int16), .init("reason", .int16), .init("evaluated_low", .int64),
            .init("evaluated_high", .int64), .init("first_execution", .int64), .init("reports", .int32),
            .init("entered", .int64), .init("body_hash", .int64), .init("ended_by_hash", .int64),
        ], isShared: false)

    public static let trades = SpaceSchema(
        space: SpaceID(rawValue: 6), table: "trade", key: .id("trade_id"),
        fields: [
            .init("day", .int32), .init("instrument", .int32), .init("price", .int64), .init("quantity", .int64),
            .init("buy_order", .int64), .init("sell_order", .int64), .init("buy_account", .int32),
            .init("sell_account", .int32), .init("aggressor", .int16), .init("buy_commission", .int64),
            .init("buy_transfer_fee", .int64), .init("sell_commission", .int64), .init("sell_transfer_fee", .int64),
            .init("stamp_duty", .int64), .init("time", .int64), .init("sequence", .int64),
        ], isShared: false, isAppendOnly: true)

    public static let partitions = SpaceSchema(
        space: SpaceID(rawValue: 7), table: "partition", key: .id("partition"),
        fields: [
            .init("day", .int32), .init("owner", .int64), .init("last_sequence", .int64),
            .init("last_execution", .int64), .init("last_trade", .int64), .init("phase", .int16),
        ], isShared: false)

    public static let logins = SpaceSchema(
        space: SpaceID(rawValue: 8), table: "login", key: .id("session"),
        fields: [
            .init("comp_id", .text(max: 32)), .init("salt", .bytes(max: 16)), .init("password_hash", .bytes(max: 32)),
            .init("account_groups", .int64), .init("may_trade", .int16),
        ])

    /// All of them, in the order of their numbers.
    public static let all = [accounts, instruments, cash, positions, orders, trades, partitions, logins]
}
