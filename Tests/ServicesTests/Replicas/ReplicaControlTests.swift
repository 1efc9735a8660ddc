import Services
import Testing

@Suite struct ReplicaControlTests {
    private static func control() -> ReplicaControl {
        ReplicaControl([
            .init(name: "risk", bounds: 1...4, initial: 9), .init(name: "notifications", bounds: 0...2, initial: 1),
        ])
    }

    @Test("Orders within the bounds are in force; the start is clamped")
    func orders() {
        var control = Self.control()
        #expect(control.services.map(\.desired) == [4, 1])
        #expect(control.order("risk", replicas: 2, epoch: 1, decision: "a") == .accepted)
        #expect(control.order("risk", replicas: 0, epoch: 1, decision: "b") == .outOfBounds(1...4))
        #expect(control.order("risk", replicas: 5, epoch: 1, decision: "c") == .outOfBounds(1...4))
        #expect(control.order("matching", replicas: 1, epoch: 1, decision: "d") == .unknownService)
        #expect(control.services.map(\.desired) == [2, 1])
        #expect(control.services[0].decision == "a")
    }

    @Test("A replaced leader is refused for every service, also for what it decided before")
    func epochs() {
        var control = Self.control()
        #expect(control.order("risk", replicas: 2, epoch: 5, decision: "a") == .accepted)
        #expect(control.order("risk", replicas: 3, epoch: 4, decision: "b") == .stale(current: 5))
        #expect(control.order("notifications", replicas: 0, epoch: 4, decision: "c") == .stale(current: 5))
        #expect(control.order("risk", replicas: 3, epoch: 6, decision: "d") == .accepted)
        #expect(control.order("risk", replicas: 2, epoch: 5, decision: "a") == .stale(current: 6))
        #expect(control.services.map(\.desired) == [3, 1])
        // An order that is refused for its number does not raise the epoch.
        #expect(control.order("risk", replicas: 99, epoch: 50, decision: "e") == .outOfBounds(1...4))
        #expect(control.epoch == 6)
    }

    @Test("A decision counts once a service; its id cannot stand for another number")
    func decisions() {
        var control = Self.control()
        #expect(control.order("risk", replicas: 2, epoch: 1, decision: "a") == .accepted)
        #expect(control.order("risk", replicas: 3, epoch: 1, decision: "b") == .accepted)
        #expect(control.order("risk", replicas: 2, epoch: 1, decision: "a") == .repeated)
        #expect(control.services[0].desired == 3, "a late repeat does not undo what came after")
        #expect(control.order("risk", replicas: 1, epoch: 1, decision: "a") == .decisionReused)
        #expect(control.order("notifications", replicas: 2, epoch: 1, decision: "a") == .accepted, "of the same round")
        #expect(control.order("notifications", replicas: 1, epoch: 1, decision: "a") == .decisionReused)
        // Remembered are the last 1,024.
        for number in 0..<(ReplicaControl.decisionsMax - 2) {
            #expect(control.order("risk", replicas: 1, epoch: 1, decision: "n\(number)") == .accepted)
        }
        #expect(control.order("risk", replicas: 3, epoch: 1, decision: "b") == .repeated)
        #expect(control.order("risk", replicas: 2, epoch: 1, decision: "a") == .accepted, "forgotten")
    }

    @Test("The pause doubles from half a second to thirty, and starts again after a quiet minute")
    func backoff() {
        var backoff = RestartBackoff()
        let pauses = (0..<9).map { _ in backoff.pause(after: .seconds(1)) }
        let expected: [Duration] = [0.5, 1, 2, 4, 8, 16, 30, 30, 30].map { .seconds($0) }
        #expect(pauses == expected)
        #expect(backoff.pause(after: .seconds(60)) == .milliseconds(500))
        #expect(backoff.pause(after: .seconds(59)) == .seconds(1))
        for _ in 0..<5_000 { #expect(backoff.pause(after: .zero) <= .seconds(30)) }
    }
}
