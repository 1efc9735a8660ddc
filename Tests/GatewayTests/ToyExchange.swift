import Gateway
import Market
import Synchronization

/// A naive order service for tests: one book per instrument, price-time priority, no risk, no money.
final class ToyExchange: Sendable {
    struct Order {
        var request: OrderRequest
        var id: OrderID
        var cumulative: Int64 = 0
        var turnover: Int64 = 0
        var total: Int64
        var isOpen = true
        var leaves: Int64 { isOpen ? total - cumulative : 0 }
    }

    struct State {
        var orders: [Order] = []
        var execution: ExecutionID = 0
        var trade: TradeID = 0
        var requests: [OrderRequest] = []
        var batches: [Int] = []
        var gateway: Gateway?
        var isHolding = false
        var held: [ExecutionReport] = []
    }

    let state = Mutex(State())
    static let symbols: [UInt32] = [600_536, 1, 688_001]

    var entry: OrderEntry {
        OrderEntry(
            submit: { self.submit($0) }, status: { self.status($0) },
            resolveInstrument: { symbol in Self.symbols.firstIndex(of: symbol).map { InstrumentID(UInt32($0)) } },
            symbol: { Int($0.rawValue) < Self.symbols.count ? Self.symbols[Int($0.rawValue)] : 0 },
            authenticate: { $0.password != "wrong" }, ruleText: { "rule \($0) of the toy" })
    }

    func attach(_ gateway: Gateway?) { state.withLock { $0.gateway = gateway } }

    /// Holds reports back until it is called with false.
    func hold(_ isHolding: Bool) {
        let (gateway, held) = state.withLock { state in
            state.isHolding = isHolding
            defer { state.held = [] }
            return (state.gateway, state.held)
        }
        gateway?.deliver(held)
    }

    private func submit(_ batch: [OrderRequest]) {
        let (gateway, reports) = state.withLock { state -> (Gateway?, [ExecutionReport]) in
            state.requests += batch
            state.batches.append(batch.count)
            let reports = batch.flatMap { Self.execute($0, &state) }
            if state.isHolding {
                state.held += reports
                return (nil, [])
            }
            return (state.gateway, reports)
        }
        gateway?.deliver(reports)
    }

    private func status(_ query: OrderStatusQuery) {
        let (gateway, report) = state.withLock { state -> (Gateway?, ExecutionReport?) in
            guard
                let order = state.orders.last(where: {
                    $0.request.clientOrderID == query.clientOrderID && $0.request.session == query.session
                })
            else { return (nil, nil) }
            return (state.gateway, Self.report(.status, order, order.request, &state))
        }
        if let report { gateway?.deliver([report]) }
    }

    private static func report(
        _ type: ExecutionType, _ order: Order, _ request: OrderRequest, _ state: inout State
    ) -> ExecutionReport {
        state.execution += 1
        let status: OrderStatus =
            !order.isOpen && order.cumulative < order.total
            ? .canceled : order.cumulative == 0 ? .new : order.cumulative < order.total ? .partiallyFilled : .filled
        var report = ExecutionReport(
            type: type, status: status, order: order.id, execution: state.execution, request: request,
            time: request.receiveTime)
        report.price = order.request.price
        report.quantity = Quantity(order.total)
        report.cumulative = Quantity(order.cumulative)
        report.leaves = Quantity(order.leaves)
        report.turnover = Money(milli: order.turnover)
        return report
    }

    private static func execute(_ request: OrderRequest, _ state: inout State) -> [ExecutionReport] {
        switch request.kind {
        case .new: enter(request, &state)
        case .cancel, .replace: amend(request, &state)
        }
    }

    private static func enter(_ request: OrderRequest, _ state: inout State) -> [ExecutionReport] {
        var order = Order(request: request, id: OrderID(state.requests.count), total: request.quantity.shares)
        if request.instrument == OrderRequest.unknownInstrument || request.quantity.shares <= 0 {
            order.isOpen = false
            var report = report(.rejected, order, request, &state)
            report.status = .rejected
            report.rule = request.quantity.shares <= 0 ? 9 : 30
            report.rejectReason = request.quantity.shares <= 0 ? 13 : 1
            return [report]
        }
        var reports = [report(.new, order, request, &state)]
        for index in state.orders.indices where order.leaves > 0 {
            let other = state.orders[index]
            guard other.isOpen, other.request.instrument == request.instrument,
                other.request.side == request.side.opposite,
                request.side == .buy ? other.request.price <= request.price : other.request.price >= request.price
            else { continue }
            let quantity = min(order.leaves, other.leaves)
            state.trade += 1
            fill(&order, quantity, other.request.price)
            fill(&state.orders[index], quantity, other.request.price)
            for (side, isTaker) in [(order, true), (state.orders[index], false)] {
                var report = report(.trade, side, side.request, &state)
                report.lastPrice = other.request.price
                report.lastQuantity = Quantity(quantity)
                report.trade = state.trade
                report.isTaker = isTaker
                if !isTaker { report.origin = 0 }
                reports.append(report)
            }
        }
        state.orders.append(order)
        return reports
    }

    private static func fill(_ order: inout Order, _ quantity: Int64, _ price: Price) {
        order.cumulative += quantity
        order.turnover += quantity * price.milli
        if order.cumulative == order.total { order.isOpen = false }
    }

    private static func amend(_ request: OrderRequest, _ state: inout State) -> [ExecutionReport] {
        guard
            let index = state.orders.lastIndex(where: {
                $0.request.clientOrderID == request.originalClientOrderID && $0.request.session == request.session
            }), state.orders[index].isOpen
        else {
            let nothing = Order(request: request, id: 0, total: 0, isOpen: false)
            var report = report(.cancelRejected, nothing, request, &state)
            report.status = .rejected
            report.rejectReason = 1
            return [report]
        }
        if request.kind == .cancel {
            state.orders[index].isOpen = false
            return [report(.canceled, state.orders[index], request, &state)]
        }
        state.orders[index].total = request.quantity.shares
        state.orders[index].request.price = request.price
        state.orders[index].request.clientOrderID = request.clientOrderID
        return [report(.replaced, state.orders[index], request, &state)]
    }
}
