import Autoscaling
import TestData
import Testing

@Suite("HPA replica calculator") struct HPACalculatorTests {
    /// Ready pods of one processor with these thousandths of use, started long ago.
    private func pods(_ usage: [Int64]) -> [HPAPod] {
        usage.map {
            HPAPod(start: 0, ready: .init(isFalse: false, since: 20), request: 1_000, sample: .init($0, at: 990))
        }
    }

    private func cpu(
        _ pods: [HPAPod], target: Int, current: Int, tolerance: HPATolerance = HPATolerance()
    ) -> HPACalculator.Proposal {
        HPACalculator.utilisation(
            HPAPodGroups(pods, now: 1_000, isCPU: true), percent: target, current: current, tolerance: tolerance)
    }

    @Test("Utilisation above and below the target: ceil(ratio * ready)") func ratio() {
        // 300 + 500 + 700 of 3000 = 50 %, target 30 %: 1.667 * 3 = 5.
        #expect(cpu(pods([300, 500, 700]), target: 30, current: 3) == .replicas(5))
        // 5 pods at 20 %, target 50 %: 0.4 * 5 = 2.
        #expect(cpu(pods([200, 200, 200, 200, 200]), target: 50, current: 5) == .replicas(2))
    }

    @Test("Within the tolerance nothing changes: 1.09 and 0.91 of 100 %") func tolerance() {
        #expect(cpu(pods([1_090]), target: 100, current: 7) == .replicas(7))
        #expect(cpu(pods([910]), target: 100, current: 7) == .replicas(7))
        #expect(cpu(pods([1_120]), target: 100, current: 1) == .replicas(2))
        #expect(cpu(pods([870, 870]), target: 100, current: 2) == .replicas(2), "ceil(1.74)")
        let tight = HPATolerance(up: 0, down: 0.5)
        #expect(cpu(pods([1_010]), target: 100, current: 1, tolerance: tight) == .replicas(2))
        #expect(
            cpu(pods(Array(repeating: 600, count: 10)), target: 100, current: 10, tolerance: tight) == .replicas(10))
        #expect(cpu(pods(Array(repeating: 400, count: 10)), target: 100, current: 10, tolerance: tight) == .replicas(4))
    }

    @Test("Processor use is cut to whole percent before it is compared") func wholePercent() {
        // 779 of 1000 is 77 %, and 77 / 70 is within 1.1.
        #expect(cpu(pods([779]), target: 70, current: 4) == .replicas(4))
        #expect(cpu(pods([780]), target: 70, current: 1) == .replicas(2))
    }

    @Test("A missing pod uses nothing on the way up") func missingUp() {
        // 2 pods at 90 %, target 50 %: 1.8; with the third at 0: 60 % / 50 = 1.2 * 3 = 3.6 -> 4.
        #expect(cpu(pods([900, 900]) + [HPAPod()], target: 50, current: 3) == .replicas(4))
        // One pod at 80 %, two missing: 26 % / 50 turns the direction: no change.
        #expect(cpu(pods([800]) + [HPAPod(), HPAPod()], target: 50, current: 3) == .replicas(3))
    }

    @Test("A missing pod uses all it requests on the way down, or the target where that is more") func missingDown() {
        // 3 pods at 20 %, one missing at 100 %: 40 % / 50 = 0.8 * 4 = 3.2 -> 4.
        #expect(cpu(pods([200, 200, 200]) + [HPAPod()], target: 50, current: 4) == .replicas(4))
        // 5 pods at 10 %, one missing: 150 / 600 = 25 % / 50 = 0.5 * 6 = 3.
        #expect(cpu(pods(Array(repeating: 100, count: 5)) + [HPAPod()], target: 50, current: 6) == .replicas(3))
        // Target 150 %: 3 pods at 60 %, one missing at 150 %: 330 / 400 = 82 % / 150 = 0.547 * 4 = 2.2 -> 3.
        #expect(cpu(pods([600, 600, 600]) + [HPAPod()], target: 150, current: 4) == .replicas(3))
    }

    @Test("Pods that start count with 0 on the way up and not at all on the way down") func starting() {
        let pending = HPAPod(phase: .pending)
        // 2 pods at 100 %, one pending: 66 % / 50 = 1.32 * 3 = 3.96 -> 4, not ceil(2 * 2) = 4 of two pods.
        #expect(cpu(pods([1_000, 1_000]) + [pending], target: 50, current: 3) == .replicas(4))
        // Three more pending: 40 % / 50 < 1 turns the direction.
        #expect(cpu(pods([1_000, 1_000]) + [pending, pending, pending], target: 50, current: 5) == .replicas(5))
        // Down: 2 pods at 10 %, pending left out: 0.2 * 2 = 0.4 -> 1.
        #expect(cpu(pods([100, 100]) + [pending], target: 50, current: 3) == .replicas(1))
    }

    @Test("Deleted and failed pods are no pods, and without any metric the metric is invalid") func noMetrics() {
        var deleted = pods([1_000])[0]
        deleted.isDeleted = true
        let failed = HPAPod(phase: .failed, sample: .init(1_000, at: 990))
        #expect(cpu(pods([500]) + [deleted, failed], target: 50, current: 1) == .replicas(1))
        for none in [[], [deleted], [HPAPod(phase: .pending)], [HPAPod()]] {
            if case .replicas(let count) = cpu(none, target: 50, current: 1) { Issue.record("\(count) of \(none)") }
        }
    }

    @Test("Young and never ready pods are left out of processor metrics only") func youngPods() {
        func group(_ pod: HPAPod, isCPU: Bool = true) -> Int {
            HPAPodGroups([pod], now: 1_000, isCPU: isCPU).ready.count
        }
        func pod(start: Double, isFalse: Bool, since: Double, read: Double) -> HPAPod {
            HPAPod(start: start, ready: .init(isFalse: isFalse, since: since), sample: .init(500, at: read, window: 30))
        }
        // Within five minutes of its start a pod counts one whole window after it became ready.
        #expect(group(pod(start: 800, isFalse: false, since: 960, read: 990)) == 1)
        #expect(group(pod(start: 800, isFalse: false, since: 961, read: 990)) == 0)
        #expect(group(pod(start: 800, isFalse: true, since: 900, read: 990)) == 0)
        // start + 300 s = now is past the period; an unready pod counts if it was ready once.
        #expect(group(pod(start: 700, isFalse: true, since: 730, read: 990)) == 1)
        #expect(group(pod(start: 700, isFalse: true, since: 729, read: 990)) == 0)
        #expect(group(pod(start: 700, isFalse: false, since: 705, read: 990)) == 1)
        #expect(group(HPAPod(start: 0, sample: .init(1, at: 990))) == 0, "no condition")
        #expect(group(HPAPod(ready: .init(isFalse: false, since: 0), sample: .init(1, at: 990))) == 0, "no start")
        #expect(group(HPAPod(sample: .init(1, at: 990)), isCPU: false) == 1)
    }

    @Test("External metrics: Value by ready pods, AverageValue by the sum, both with spec replicas in tolerance")
    func external() {
        #expect(HPACalculator.value(250, target: 100, current: 2, readyPods: 2) == .replicas(5))
        #expect(HPACalculator.value(105, target: 100, current: 2, readyPods: 5) == .replicas(2))
        #expect(HPACalculator.value(101, target: 100, current: 0, readyPods: 0) == .replicas(2), "no tolerance")
        #expect(HPACalculator.value(0, target: 100, current: 3, readyPods: 3) == .replicas(0))
        // Surge: 3 in spec, 4 in status; 4.2 units for a target of 1 are within the tolerance of 4: spec stays.
        #expect(
            HPACalculator.averageValue(4.2, target: 1, current: 3, statusReplicas: 4) == .replicas(3), "#138505")
        #expect(HPACalculator.averageValue(5, target: 1, current: 3, statusReplicas: 4) == .replicas(5))
        // Single steps above ten replicas are swallowed: 12 / 11 = 1.091 and 9 / 10 = 0.9.
        #expect(HPACalculator.averageValue(12, target: 1, current: 11, statusReplicas: 11) == .replicas(11))
        #expect(HPACalculator.averageValue(9, target: 1, current: 10, statusReplicas: 10) == .replicas(10))
        #expect(HPACalculator.averageValue(3, target: 1, current: 0, statusReplicas: 0) == .replicas(3))
        #expect(HPACalculator.averageValue(0, target: 1, current: 0, statusReplicas: 0) == .replicas(0))
        for bad in [Double.nan, .infinity, -1] {
            guard case .invalid = HPACalculator.value(bad, target: 1, current: 1, readyPods: 1),
                case .invalid = HPACalculator.averageValue(bad, target: 1, current: 1, statusReplicas: 1)
            else {
                Issue.record("\(bad)")
                return
            }
        }
        #expect(HPACalculator.value(1e300, target: 1e-9, current: 1, readyPods: 9) == .replicas(1_000_000_000))
    }

    @Test("The largest proposal wins; an invalid metric forbids fewer replicas, not more") func combine() {
        #expect(HPACalculator.combine([.replicas(3), .replicas(7), .replicas(5)], current: 4)! == (7, 1))
        #expect(HPACalculator.combine([.replicas(6), .invalid("x")], current: 4)! == (6, 0))
        #expect(HPACalculator.combine([.replicas(4), .invalid("x")], current: 4)! == (4, 0))
        #expect(HPACalculator.combine([.replicas(3), .invalid("x")], current: 4) == nil)
        #expect(HPACalculator.combine([.invalid("x"), .invalid("y")], current: 4) == nil)
        #expect(HPACalculator.combine([], current: 4) == nil)
    }

    @Test("20,000 random sets of pods give what the pod-by-pod reference gives", arguments: [1, 2, 3, 4] as [UInt64])
    func randomPods(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for round in 0..<5_000 {
            let pods = (0..<random.below(12)).map { _ in randomPod(&random) }
            let (isResource, current) = (random.percent(60), random.below(14))
            let isCPU = isResource && random.percent(80)
            let target = isResource ? Int64(20 + random.below(130)) : Int64(100 + random.below(900))
            let tolerance = HPATolerance(up: Double(random.below(4)) * 0.06, down: Double(random.below(4)) * 0.06)
            let groups = HPAPodGroups(pods, now: 1_000, isCPU: isCPU)
            let ours =
                isResource
                ? HPACalculator.utilisation(groups, percent: Int(target), current: current, tolerance: tolerance)
                : HPACalculator.average(groups, target: target, current: current, tolerance: tolerance)
            let theirs = HPAReference.replicas(
                pods, target: target, isResource: isResource, isCPU: isCPU, current: current, up: tolerance.up,
                down: tolerance.down, now: 1_000)
            switch ours {
            case .replicas(let count): #expect(count == theirs, "seed \(seed) round \(round)")
            case .invalid: #expect(theirs == nil, "seed \(seed) round \(round)")
            }
        }
    }

    private func randomPod(_ random: inout SplitMix64) -> HPAPod {
        HPAPod(
            phase: random.percent(15) ? .pending : random.percent(5) ? .failed : .running,
            isDeleted: random.percent(5), start: random.percent(5) ? nil : Double(random.below(1_000)),
            ready: random.percent(5)
                ? nil : .init(isFalse: random.percent(20), since: Double(random.below(1_000))),
            request: Int64(1 + random.below(20)) * 100,
            sample: random.percent(15)
                ? nil : .init(Int64(random.below(2_000)), at: 900 + Double(random.below(100)), window: 30))
    }
}
