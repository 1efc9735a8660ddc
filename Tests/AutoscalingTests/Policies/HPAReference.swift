import Autoscaling

/// The replica calculator once more, pod by pod with named maps as `replica_calculator.go` has it.
enum HPAReference {
    /// Replicas for one metric; nil where it is invalid.
    static func replicas(
        _ pods: [HPAPod], target: Int64, isResource: Bool, isCPU: Bool, current: Int, up: Double, down: Double,
        now: Double, initialisation: Double = 300, delay: Double = 30
    ) -> Int? {
        var metrics: [Int: Int64] = [:]
        var unready: Set<Int> = []
        var missing: Set<Int> = []
        var readyCount = 0
        for (name, pod) in pods.enumerated() {
            if pod.isDeleted || pod.phase == .failed { continue }
            if pod.phase == .pending {
                unready.insert(name)
                continue
            }
            guard let sample = pod.sample else {
                missing.insert(name)
                continue
            }
            if isCPU, isUnready(pod, sample, now: now, initialisation: initialisation, delay: delay) {
                unready.insert(name)
                continue
            }
            metrics[name] = sample.value
            readyCount += 1
        }
        guard !metrics.isEmpty else { return nil }
        func ratio() -> Double {
            let usage = metrics.values.reduce(0, +)
            if isResource {
                let request = metrics.keys.map { pods[$0].request }.reduce(0, +)
                return Double(usage * 100 / request) / Double(target)
            }
            return Double(usage / Int64(metrics.count)) / Double(target)
        }
        func within(_ ratio: Double) -> Bool { ratio >= 1 - down && ratio <= 1 + up }
        let first = ratio()
        let rebalance = !unready.isEmpty && first > 1
        if !rebalance, missing.isEmpty {
            return within(first) ? current : Int((first * Double(readyCount)).rounded(.up))
        }
        for name in missing {
            if first < 1 {
                metrics[name] = isResource ? pods[name].request * max(100, target) / 100 : target
            } else if first > 1 {
                metrics[name] = 0
            }
        }
        if rebalance { for name in unready { metrics[name] = 0 } }
        let second = ratio()
        if within(second) || (first < 1 && second > 1) || (first > 1 && second < 1) { return current }
        let replicas = Int((second * Double(metrics.count)).rounded(.up))
        if (second < 1 && replicas > current) || (second > 1 && replicas < current) { return current }
        return replicas
    }

    private static func isUnready(
        _ pod: HPAPod, _ sample: HPAPod.Sample, now: Double, initialisation: Double, delay: Double
    ) -> Bool {
        guard let ready = pod.ready, let start = pod.start else { return true }
        if start + initialisation > now { return ready.isFalse || sample.time < ready.since + sample.window }
        return ready.isFalse && start + delay > ready.since
    }
}

/// The controller's stabilisation and limits once more: every recommendation and every change kept for ever, windows
/// read off the lists, percents in whole numbers.
struct HPAReferenceController {
    var behavior: HPABehavior?
    var flag = 300.0
    var low: Int
    var high: Int
    var recommended: [(time: Double, replicas: Int)] = []
    var changes: [(time: Double, by: Int)] = []

    mutating func sync(spec: Int, desired: Int?, now: Double) -> Int {
        if recommended.isEmpty { recommended.append((now, spec)) }
        if spec == 0 && low > 0 { return 0 }
        if spec > high { return high }
        if spec < low { return low }
        guard let desired else { return spec }
        let past = recommended
        recommended.append((now, desired))
        guard let behavior else {
            let stable = max(desired, past.filter { now - $0.time <= flag }.map(\.replicas).max() ?? desired)
            return min(max(stable, low), min(high, max(2 * spec, 4)))
        }
        let ups = past.filter { now - $0.time < behavior.up.stabilisation ?? 0 }.map(\.replicas) + [desired]
        let downs = past.filter { now - $0.time < behavior.down.stabilisation ?? flag }.map(\.replicas) + [desired]
        var stable = spec
        stable = max(stable, ups.reduce(desired, min))
        stable = min(stable, downs.reduce(desired, max))
        if stable > spec {
            let limit = max(spec, limit(behavior.up, spec: spec, now: now, sign: 1))
            return min(stable, limit, high)
        }
        if stable < spec {
            let limit = min(spec, limit(behavior.down, spec: spec, now: now, sign: -1))
            return max(stable, limit, low)
        }
        return spec
    }

    private func limit(_ rules: ScalingRules, spec: Int, now: Double, sign: Int) -> Int {
        if rules.select == .disabled { return spec }
        let allowed = rules.limits.map { limit in
            let start = spec - changes.filter { now - $0.time < limit.period }.map(\.by).reduce(0, +)
            switch limit.amount {
            case .pods(let count): return start + sign * count
            case .percent(let share):
                // Whole numbers of hundredths: rounded up on the way up, towards zero on the way down.
                let product = start * (100 + sign * Int(share))
                if sign < 0 { return product / 100 }
                return product >= 0 ? (product + 99) / 100 : product / 100
            }
        }
        let largest = (rules.select == .max) == (sign > 0)
        return largest ? allowed.reduce(.min, max) : allowed.reduce(.max, min)
    }
}
