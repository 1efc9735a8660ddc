internal import CacheStack
internal import Foundation
internal import Gateway
internal import Market
internal import Risk
internal import Services

/// The operators' HTTP routes: orders, accounts, books, quotes, risk. Reading only, but for an account's limits.
struct OperatorRoutes: Sendable {
    let node: TradingNode
    let marketData: MarketDataService
    let notifications: NotificationService

    /// The routes for the listener.
    ///
    /// | path | answer |
    /// |---|---|
    /// | /orders/{id} | an order's durable row |
    /// | /accounts/{id} | cash, profile, and the tier the profile came from |
    /// | /accounts/{id}/notices?after=N | notices of an account |
    /// | /book/{symbol} | ten levels of both sides, last trade |
    /// | /trades/{symbol} | the last hundred trades |
    /// | /sessions | logins, and which of them are logged on |
    var all: [OperatorRoute] {
        [
            .get("/orders/{id}") { Self.response(await order($0.parameters["id"] ?? "")) },
            .get("/accounts/{id}") { Self.response(await account($0.parameters["id"] ?? "")) },
            .get("/accounts/{id}/notices") { Self.response(notices($0.parameters["id"] ?? "", $0.query)) },
            .get("/book/{symbol}") { Self.response(await book($0.parameters["symbol"] ?? "")) },
            .get("/trades/{symbol}") { Self.response(trades($0.parameters["symbol"] ?? "")) },
            .get("/sessions") { _ in Self.response(sessions()) },
        ]
    }

    private static func response(_ json: String?) -> OperatorResponse {
        json.map { .json($0) } ?? .text("not found", status: 404)
    }

    private func sessions() -> String? {
        json([
            "sessions": node.directory.logins.map {
                [
                    "session": $0.session, "comp_id": $0.compID,
                    "logged_on": node.directory.grant(of: $0.session) != nil,
                ] as [String: Any]
            }
        ])
    }

    private func order(_ text: String) async -> String? {
        guard let number = OrderID(text), let row = await node.order(number) else { return nil }
        return json([
            "order": row.order, "client_order_id": row.clientOrderID?.description ?? "", "session": row.session,
            "account": row.account.rawValue, "instrument": row.instrument.rawValue, "side": "\(row.side)",
            "status": "\(row.status)", "price_milli": row.price.milli, "quantity": row.quantity.shares,
            "cumulative": row.cumulative.shares, "leaves": row.leaves.shares, "rule": row.rule,
        ])
    }

    private func account(_ text: String) async -> String? {
        guard let number = UInt32(text), let found = await node.profile(AccountID(number)),
            let cash = await node.cash(AccountID(number))
        else { return nil }
        return json([
            "account": number, "available_milli": cash.available.milli, "frozen_milli": cash.frozen.milli,
            "unsettled_milli": cash.unsettled.milli, "is_active": found.profile.isActive,
            "is_blocked": found.profile.isBlocked, "profile_version": found.profile.version,
            "profile_tier": "\(found.level)",
        ])
    }

    private func notices(_ text: String, _ path: String) -> String? {
        guard let number = UInt32(text) else { return nil }
        let after = path.split(separator: "=").last.flatMap { UInt64($0) } ?? 0
        return json([
            "notices": notifications.notices(of: AccountID(number), after: after).map {
                ["number": $0.number, "order": $0.order, "time": $0.time, "text": $0.text] as [String: Any]
            }
        ])
    }

    private func book(_ text: String) async -> String? {
        guard let symbol = UInt32(text), let instrument = node.instrument(symbol: symbol),
            let depth = await node.depth(instrument, levels: 10)
        else { return nil }
        func levels(_ side: [PriceDepth]) -> [[Int64]] { side.map { [$0.price.milli, $0.quantity.shares] } }
        let quote = marketData.quote(instrument)
        return json([
            "symbol": symbol, "bids": levels(depth.bids), "offers": levels(depth.offers),
            "last_milli": quote?.lastPrice.milli ?? 0, "volume": quote?.volume.shares ?? 0,
            "sequence": quote?.sequence ?? 0,
        ])
    }

    private func trades(_ text: String) -> String? {
        guard let symbol = UInt32(text), let instrument = node.instrument(symbol: symbol) else { return nil }
        return json([
            "trades": marketData.trades(instrument, limit: 100).map {
                [
                    "trade": $0.trade, "price_milli": $0.price.milli, "quantity": $0.quantity.shares, "time": $0.time,
                ] as [String: Any]
            }
        ])
    }

    private func json(_ object: [String: Any]) -> String? {
        guard let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]) else { return nil }
        return String(decoding: data, as: UTF8.self)
    }
}
