internal import Glibc
internal import Learning

/// The numbers a learned policy sees of one service, SealOS+'s five groups of equation 1: load l, resources r, queues q,
/// history h, performance p. Every rate is divided by what the service's replicas can serve, so that the numbers do not
/// depend on how many services a chain has, how large they are or how fast.
public enum ScalingFeatures {
    /// Names of the numbers of one service, in order.
    public static let serviceNames = [
        "ready", "pending", "pending10", "pending20", "pendingLater", "offeredOfReady", "offeredOfOrdered",
        "change10", "change60", "q50At10", "q50At30", "q50At60", "q90At10", "q90At30", "q90At60", "q90Startup",
        "utilisation", "queue", "p95", "mean300", "deviation300", "lastStep", "sinceStep", "logWorkers", "budgetShare",
        "slack", "startup",
    ]

    /// Names of the numbers of the whole chain, in order.
    public static let globalNames = [
        "daySin", "dayCos", "sinceOpen", "untilClose", "hasMarket", "p95", "errors", "budgetLeft", "age", "missing",
        "forecastWidth", "hasForecast",
    ]

    /// Names of what one service's agent sees: its own numbers, then those of the chain.
    public static let names = serviceNames + globalNames.map { "chain.\($0)" }

    /// Number of inputs of one service's agent.
    public static let count = serviceNames.count + globalNames.count

    /// Ratios are cut here before they are normalised: beyond it more is not worse.
    static let most = 8.0
}

extension ScalingState {
    /// Writes the numbers of a service to the first `ScalingFeatures.serviceNames.count` places from `start` on.
    func encodeService(_ index: Int, into output: Floats, at start: Int) {
        let service = services[index]
        let profile = self.profile.services[index]
        let ordered = served(index, by: service.ordered)
        let rate = service.rate ?? 0
        let startup = profile.startup.p95
        let moments = rateMoments(index)
        var at = start
        func put(_ value: Double) {
            output[at] = Float(min(max(value.isFinite ? value : 0, -ScalingFeatures.most), ScalingFeatures.most))
            at += 1
        }
        put(Double(service.ready) / Double(profile.bounds.upperBound))
        put(Double(service.pending) / Double(max(service.ordered, 1)))
        put(service.pendingShares.0)
        put(service.pendingShares.1)
        put(service.pendingShares.2)
        put(rate / served(index, by: service.ready))
        put(rate / ordered)
        put(rateChange(index, over: 10) / ordered)
        put(rateChange(index, over: 60) / ordered)
        let forecast = observation?.forecast.flatMap { $0.isSound ? $0 : nil }
        let points = [10.0, 30, 60].map { forecast?.point(ahead: $0) }
        for point in points { put((point?.q50).map { $0 * visits[index] / ordered } ?? rate / ordered) }
        for point in points { put((point?.q90).map { $0 * visits[index] / ordered } ?? rate / ordered) }
        put((forecast?.peak(until: startup + 20)).map { $0 * visits[index] / ordered } ?? rate / ordered)
        put(service.utilisation)
        put(service.queue / (served(index, by: service.ready) * self.profile.latencyTarget))
        put(service.p95 / profile.latencyBudget)
        put(moments.mean / ordered)
        put(moments.deviation / ordered)
        put(service.lastStep)
        let since = (observation?.time ?? 0) - service.lastStepTime
        put(min(since, ScalingState.historySeconds) / ScalingState.historySeconds)
        put(log(Double(max(service.ordered, 1) * profile.workers)) / 4)
        put(profile.latencyBudget / self.profile.latencyTarget)
        put(profile.serviceTime / profile.latencyBudget)
        put(startup / 60)
    }

    /// Writes the numbers of the chain to the first `ScalingFeatures.globalNames.count` places from `start` on.
    func encodeGlobal(into output: Floats, at start: Int) {
        var at = start
        func put(_ value: Double) {
            output[at] = Float(min(max(value.isFinite ? value : 0, -ScalingFeatures.most), ScalingFeatures.most))
            at += 1
        }
        let market = observation?.market
        let day = market.map { 2 * Double.pi * $0.sinceOpen / max($0.length, 1) }
        put(day.map { sin($0) } ?? 0)
        put(day.map { cos($0) } ?? 0)
        put(market.map { min(max($0.sinceOpen / 1_800, -1), 2) } ?? 2)
        put(market.map { min(max($0.untilClose / 1_800, -1), 2) } ?? 2)
        put(market == nil ? 0 : 1)
        put((Self.sound(observation?.p95) ?? 0) / profile.latencyTarget)
        put(Self.sound(observation?.errorRatio) ?? 0)
        let budget = profile.processorBudget
        put(budget.map { 1 - spentProcessors / $0 } ?? 1)
        let oldest = services.map(\.age).max() ?? 0
        put(min(oldest, 60) / 30)
        put(Double(services.reduce(0) { $0 + ($1.isMissing ? 1 : 0) }) / Double(services.count))
        let forecast = observation?.forecast.flatMap { $0.isSound ? $0 : nil }
        let width = forecast.map { point in
            let next = point.point(ahead: 30)
            return next.q50 > 0 ? next.q90 / next.q50 - 1 : 0
        }
        put(width ?? 0)
        put(forecast == nil ? 0 : 1)
    }

    /// Processors that all replicas ordered take.
    var spentProcessors: Double {
        zip(services, profile.services).reduce(0) { $0 + Double($1.0.ordered) * $1.1.processors }
    }
}
