import Market
import Risk

/// The stateful rules over plain histories: every sum is added up anew, every mean folded from the first event.
struct NaiveRiskState {
    struct Open {
        let order: RiskOrder
        var cumulative: Int64
        var leaves: Int64
    }

    struct Fill {
        let account: AccountID
        let instrument: InstrumentID
        let side: Side
        let price: Int64
        let quantity: Int64
        let time: Int64
    }

    struct Message {
        let account: AccountID
        let time: Int64
        let request: OrderRequest
        let price: Int64
    }

    struct Bucket {
        var micro: Int64
        var time: Int64
    }

    let limits: RiskLimits
    var open: [Open] = []
    var fillsToday: [Fill] = []
    var fillsEver: [Fill] = []
    var trades: [Fill] = []
    var messagesToday: [Message] = []
    var messagesEver: [Message] = []
    var buckets: [String: Bucket] = [:]

    /// The rules judged here.
    static let rules: [UInt8] = [
        48, 55, 56, 57, 64, 72, 73, 74, 75, 76, 77, 78, 79, 80, 114, 115, 116, 118, 119, 121,
    ]

    init(limits: RiskLimits) { self.limits = limits }

    /// The rules of `rules` that fail; draws tokens.
    mutating func failures(_ context: RiskContext, profile: AccountProfile, instrument: Instrument) -> Set<UInt8> {
        let request = context.request
        var failed: Set<UInt8> = []
        if !draw("session \(request.session)", context.time, .sessionMessageRate) { failed.insert(114) }
        if !draw("firm", context.time, .firmMessageRate) { failed.insert(118) }
        if !draw("instrument \(request.instrument)", context.time, .instrumentMessageRate) { failed.insert(119) }
        if request.kind == .cancel { return failed.intersection([114]) }
        let others = open.filter { !isTarget($0, context) }
        let working = request.quantity.shares - (request.kind == .replace ? context.target.cumulative.shares : 0)
        sums(context, working, others, profile, instrument, &failed)
        counts(context, others, profile, &failed)
        prices(context, &failed)
        rates(context, &failed)
        return failed
    }

    private func isTarget(_ item: Open, _ context: RiskContext) -> Bool {
        guard context.request.kind == .replace else { return false }
        let target = context.target
        return item.order.account == target.account && item.order.instrument == target.instrument
            && item.order.side == target.side && item.order.price == target.price
            && item.leaves == target.leaves.shares && item.cumulative == target.cumulative.shares
            && open.first { $0.order == item.order && $0.leaves == item.leaves && $0.cumulative == item.cumulative }
                != nil
    }

    private func sums(
        _ context: RiskContext, _ working: Int64, _ others: [Open], _ profile: AccountProfile,
        _ instrument: Instrument, _ failed: inout Set<UInt8>
    ) {
        let request = context.request
        let value = working * request.price.milli
        func shares(_ side: Side) -> Int64 {
            let isOurs = { (account: AccountID, instrument: InstrumentID, other: Side) in
                account == request.account && instrument == request.instrument && other == side
            }
            let working = others.filter { isOurs($0.order.account, $0.order.instrument, $0.order.side) }
            let traded = fillsToday.filter { isOurs($0.account, $0.instrument, $0.side) }
            return working.reduce(0) { $0 + $1.leaves } + traded.reduce(0) { $0 + $1.quantity }
        }
        let isBuy = request.side == .buy
        let buys = shares(.buy) + working
        if isBuy, instrument.board == .riskWarning, buys > limits[.riskWarningDailyBuy].threshold { failed.insert(48) }
        if isBuy, buys > profile.dailyBuyQuantityMax.shares { failed.insert(73) }
        if !isBuy, shares(.sell) + working > profile.dailySellQuantityMax.shares { failed.insert(74) }
        let openAll = others.reduce(0) { $0 + $1.leaves * $1.order.price.milli }
        let filledAll = fillsToday.reduce(0) { $0 + $1.quantity * $1.price }
        let ours = others.filter { $0.order.account == request.account }
        let openOurs = ours.reduce(0) { $0 + $1.leaves * $1.order.price.milli }
        let filledOurs = fillsToday.filter { $0.account == request.account }.reduce(0) { $0 + $1.quantity * $1.price }
        if openOurs + filledOurs + value > profile.grossValueMax.milli { failed.insert(75) }
        if openAll + filledAll + value > limits[.grossValueFirm].threshold { failed.insert(76) }
        let openBuys = ours.filter { $0.order.side == .buy }.reduce(0) { $0 + $1.leaves * $1.order.price.milli }
        if isBuy, openBuys + value > profile.openOrderValueMax.milli { failed.insert(77) }
    }

    private func counts(
        _ context: RiskContext, _ others: [Open], _ profile: AccountProfile, _ failed: inout Set<UInt8>
    ) {
        let request = context.request
        let ours = others.filter { $0.order.account == request.account }
        let pair = ours.filter { $0.order.instrument == request.instrument }
        let level = pair.filter { $0.order.side == request.side && $0.order.price == request.price }
        if ours.count + 1 > profile.openOrdersMax { failed.insert(78) }
        if pair.count + 1 > limits[.openOrdersInstrument].threshold { failed.insert(79) }
        if level.count + 1 > limits[.openOrdersAtPrice].threshold { failed.insert(80) }
    }

    private func prices(_ context: RiskContext, _ failed: inout Set<UInt8>) {
        let price = context.request.price.milli
        let prints = trades.filter { $0.instrument == context.request.instrument }
        guard let last = prints.last, let first = prints.first else { return }
        var mean = first.price << 8
        var move: Int64 = 0
        var moveBefore: Int64 = 0
        for (earlier, later) in zip(prints, prints.dropFirst()) {
            mean += ((later.price << 8) - mean) / 16
            moveBefore = move
            move += ((abs(later.price - earlier.price) << 8) - move) / 16
        }
        if abs(price - (mean >> 8)) * 10_000 > (mean >> 8) * limits[.dynamicCollar].threshold { failed.insert(55) }
        let fat = limits[.fatFingerLast]
        if move > 0, abs(price - last.price) > max((move * fat.threshold) >> 8, fat.second * 10) { failed.insert(57) }
        let sane = limits[.tradeReasonability]
        if prints.count > 1 {
            let lastMove = abs(last.price - prints[prints.count - 2].price)
            if lastMove > max((moveBefore * sane.threshold) >> 8, sane.second * 10) { failed.insert(64) }
        }
        let half = limits[.periodCollar].second / 2
        let recent = { (item: Fill) in item.time / half >= context.time / half - 1 }
        let own = fillsEver.filter {
            $0.account == context.request.account && $0.instrument == context.request.instrument && recent($0)
        }
        let market = prints.filter(recent)
        guard !own.isEmpty, !market.isEmpty else { return }
        let ownMean = own.reduce(0) { $0 + $1.price * $1.quantity } / own.reduce(0) { $0 + $1.quantity }
        let marketMean = market.reduce(0) { $0 + $1.price * $1.quantity } / market.reduce(0) { $0 + $1.quantity }
        if abs(ownMean - marketMean) * 10_000 > marketMean * limits[.periodCollar].threshold { failed.insert(56) }
    }

    private func rates(_ context: RiskContext, _ failed: inout Set<UInt8>) {
        let request = context.request
        let second = messagesEver.filter {
            $0.account == request.account && $0.time / 100_000 > context.time / 100_000 - 10
        }
        if second.count + 1 > limits[.accountMessageRate].threshold { failed.insert(115) }
        let day = messagesToday.filter { $0.account == request.account }
        if day.count + 1 > limits[.accountDailyMessages].threshold { failed.insert(116) }
        let entered = messagesEver.filter { $0.account == request.account && $0.request.kind == .new }
        let average = limits[.multipleOfOwnAverage]
        if let first = entered.first, entered.count >= average.second {
            let mean = entered.dropFirst().reduce(first.request.quantity.shares << 8) {
                $0 + (($1.request.quantity.shares << 8) - $0) / 16
            }
            if request.quantity.shares << 8 > mean * average.threshold { failed.insert(72) }
        }
        guard request.kind == .new else { return }
        let quarter = limits[.duplicateOrder].second / 4
        let same = entered.filter {
            $0.request.instrument == request.instrument && $0.request.side == request.side
                && $0.request.price == request.price && $0.request.quantity == request.quantity
                && $0.time / quarter > context.time / quarter - 4
        }
        if same.count + 1 > limits[.duplicateOrder].threshold { failed.insert(121) }
    }

    private mutating func draw(_ name: String, _ time: Int64, _ rule: RiskIndicator) -> Bool {
        let full = limits[rule].second * 1_000_000
        var bucket = buckets[name] ?? Bucket(micro: full, time: time)
        bucket.micro = min(full, bucket.micro + (time - bucket.time) * limits[rule].threshold)
        bucket.time = time
        let has = bucket.micro >= 1_000_000
        if has { bucket.micro -= 1_000_000 }
        buckets[name] = bucket
        return has
    }
}
