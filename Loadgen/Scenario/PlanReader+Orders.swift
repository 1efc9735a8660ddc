internal import Arrivals
internal import Engine
internal import Settings

/// How FIX orders are drawn: the sections `accounts`, `instruments` and `orders`.
extension PlanReader {
    func orders() throws(SettingsError) -> OrderDrawing? {
        let sections = ["accounts", "instruments", "orders"]
        guard case .fix = plan.target.transport else {
            for key in sections where top.has(key) { throw top.error(key, "has a meaning for FIX targets only") }
            return nil
        }
        let instruments = try top.section("instruments")
        try instruments.allow(["file", "exponent"])
        let file = try instruments.required(
            "file", "is missing: a CSV file of \(InstrumentList.header) (option --instruments)")
        let path = try file.name()
        let list: InstrumentList
        do {
            list = try InstrumentList(csv: try surroundings.read(path), name: path)
        } catch { throw file.error("\(error)") }
        var workload = try accounts()
        workload.instrumentExponent = try instruments.number(
            "exponent", default: workload.instrumentExponent, in: 0...10)
        try readOrders(&workload)
        return OrderDrawing(instruments: list, workload: workload)
    }

    private func accounts() throws(SettingsError) -> WorkloadConfiguration {
        var workload = WorkloadConfiguration()
        let accounts = try top.section("accounts")
        try accounts.allow(["first", "count", "exponent", "holdings_stride", "holdings_per_account"])
        workload.accountFirst = try accounts.integer("first", default: workload.accountFirst, in: 0...(1 << 28))
        workload.accountCount = try accounts.integer("count", default: workload.accountCount, in: 1...(1 << 28))
        guard workload.accountFirst + workload.accountCount <= 1 << 28 else {
            throw accounts.error("count", "account numbers end at 2^28")
        }
        workload.accountExponent = try accounts.number("exponent", default: workload.accountExponent, in: 0...10)
        workload.holdings = HoldingsRule(
            stride: try accounts.integer("holdings_stride", default: workload.holdings.stride, in: 1...(1 << 30)),
            perAccount: try accounts.integer(
                "holdings_per_account", default: workload.holdings.perAccount, in: 1...(1 << 30)))
        return workload
    }

    private func readOrders(_ workload: inout WorkloadConfiguration) throws(SettingsError) {
        let orders = try top.section("orders")
        try orders.allow(["marketable", "aggressive_ticks", "passive_ticks_mean", "quantity_median", "quantity_max"])
        workload.marketableShare = try orders.value("marketable")?.share() ?? workload.marketableShare
        workload.aggressiveTicks = Int64(
            try orders.integer("aggressive_ticks", default: Int(workload.aggressiveTicks), in: 1...1_000_000))
        workload.passiveTicksMean = try orders.number(
            "passive_ticks_mean", default: workload.passiveTicksMean, in: 1...1_000)
        let median = try orders.number("quantity_median", default: 300, in: 1...1_000_000)
        let most = try orders.integer("quantity_max", default: 5_000, in: 100...100_000_000)
        guard most % 100 == 0 else { throw orders.error("quantity_max", "\(most) is not a multiple of 100") }
        workload.quantities = LognormalLots(median: median, quantityMax: Int64(most))
    }
}
