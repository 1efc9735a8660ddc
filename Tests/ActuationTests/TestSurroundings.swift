import Actuation
import Foundation
import Synchronization
import Telemetry

/// Clocks, warnings and a client for tests over loopback.
final class TestSurroundings: Sendable {
    let metrics = MetricsRegistry()
    let said = Mutex<[String]>([])
    let slept = Mutex<[Double]>([])

    static let start = ContinuousClock.now
    static let now: @Sendable () -> Double = {
        let passed = ContinuousClock.now - start
        return Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
    }
    static let wall: @Sendable () -> MicroTime = {
        MicroTime(microseconds: Int64(Date().timeIntervalSince1970 * 1e6))
    }
    static let seconds: @Sendable () -> Double = { Double(wall().microseconds) / 1e6 }

    var warnings: WarningLimit { WarningLimit { text in self.said.withLock { $0.append(text) } } }

    /// Notes the pause and sleeps a hundredth of it.
    var sleep: @Sendable (Double) async throws -> Void {
        { seconds in
            self.slept.withLock { $0.append(seconds) }
            try await Task.sleep(for: .seconds(seconds / 100))
        }
    }

    /// The sum of a metric on the registry's own page; nil where it is absent.
    func metric(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        PrometheusText(readable: metrics.text()).sum(name, labels)
    }
}

/// Runs a body with a client that is stopped afterwards.
func withCaller<T>(authorityFile: String? = nil, _ body: (HTTPTransport) async throws -> T) async throws -> T {
    let caller = try HTTPCaller(authorityFile: authorityFile)
    do {
        let result = try await body(caller.transport)
        await caller.stop()
        return result
    } catch {
        await caller.stop()
        throw error
    }
}

/// The fault that a body ends in; nil where it succeeds.
func fault(_ body: () async throws -> Void) async -> ActuationFault? {
    do {
        try await body()
        return nil
    } catch {
        return error as? ActuationFault
    }
}

/// Polls until it holds, at most 20 s; for what another process or task does in its own time.
func eventually(_ holds: () async -> Bool) async -> Bool {
    for _ in 0..<2_000 {
        if await holds() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}
