import Testing

/// The protocol of L2, exhaustively: every interleaving of loaders, writers, expiries, unrelated commits and renewals.
///
/// The numbers of states and of ends are those of two independent models in Python, counted when the protocol was
/// designed: 272,793 states without certificates, 2,118,893 with them and 2,118,941 with renewal too.
@Suite(.timeLimit(.minutes(3))) struct ModelCheckTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var loaders: Int
        var writers: String
        var expiries: Int
        var states: Int
        var ends: Int

        var testDescription: String { "\(loaders) loaders, writers \(writers), \(expiries) expiries" }

        func model() -> ProtocolModel {
            ProtocolModel(
                loaders: loaders, writers: writers.compactMap { ProtocolModel.Writer(rawValue: $0) },
                expiries: expiries, hasCertificates: false)
        }
    }

    static let plain = [
        Case(loaders: 2, writers: "PI", expiries: 0, states: 284, ends: 4),
        Case(loaders: 2, writers: "PI", expiries: 2, states: 2_583, ends: 20),
        Case(loaders: 2, writers: "II", expiries: 2, states: 2_583, ends: 20),
        Case(loaders: 3, writers: "PI", expiries: 2, states: 16_134, ends: 20),
        Case(loaders: 3, writers: "PPI", expiries: 1, states: 62_971, ends: 42),
        Case(loaders: 2, writers: "PII", expiries: 2, states: 27_427, ends: 72),
        Case(loaders: 2, writers: "PPI", expiries: 3, states: 33_943, ends: 102),
        Case(loaders: 3, writers: "PPI", expiries: 3, states: 272_793, ends: 102),
    ]

    @Test("No interleaving of versions and leases leaves a stale value", arguments: plain)
    func versions(_ example: Case) {
        let space = example.model().explore()
        #expect(space.count == example.states)
        #expect(space.ends == example.ends)
        #expect(space.violation == nil, "\(Self.text(space))")
    }

    /// 3 loaders, 3 writers (two with the value, one without), 2 expiries, 1 unrelated commit.
    static func certified(_ change: (inout ProtocolModel) -> Void = { _ in }) -> ProtocolModel {
        var model = ProtocolModel(
            loaders: 3, writers: [.value, .value, .invalidation], expiries: 2, unrelated: 1)
        change(&model)
        return model
    }

    @Test("With certificates no value is older than a finished publish, and no certificate is untrue")
    func certificates() {
        expectSound(Self.certified(), states: 2_118_941)
    }

    @Test("It holds without renewal, and where publishing on an absent key leaves nothing")
    func options() {
        expectSound(Self.certified { $0.renews = false }, states: 2_118_893)
        expectSound(
            Self.certified {
                $0.renews = false
                $0.variant = .skipsAbsent
            }, states: 1_473_166)
        expectSound(Self.certified { $0.variant = .skipsAbsent }, states: 1_473_214)
    }

    /// Stronger than the design asked: also what a reader has published may not be undercut.
    @Test("It holds for what readers publish too") func readers() {
        expectSound(Self.certified { $0.countsReaders = true }, states: 2_181_930)
        let threeExpiries = Self.certified {
            $0.countsReaders = true
            $0.expiries = 3
        }
        #expect(threeExpiries.explore().violation == nil)
    }

    private func expectSound(_ model: ProtocolModel, states: Int) {
        let space = model.explore()
        #expect(space.count == states)
        #expect(space.ends > 0)
        #expect(space.violation == nil, "\(Self.text(space))")
    }

    @Test("Cache-aside with GET, SET and DEL leaves a stale value in 54 of 96 ends")
    func naive() throws {
        var model = try #require(Self.plain.last).model()
        model.variant = .naive
        let space = model.explore()
        #expect(space.ends == 96)
        #expect(space.wrongEnds == 54)
    }

    /// Each shortest counterexample is checked by hand: its length is the number of steps it takes.
    @Test(
        "Every way to get the protocol wrong is found",
        arguments: [
            // Load: ask, read 1; commit 2, delete; store 1.
            (ProtocolModel.Variant.naive, 5),
            // Commit 2, commit 3, publish 3, expire, publish 2 creates the old value.
            (.publishCreates, 5),
            // Ask, read 1; commit 2, publish 2, the tombstone expires; store 1.
            (.fillWithoutLease, 6),
            // Read 1; commit 2, publish 2, the tombstone expires; lease, store 1.
            (.snapshotBeforeLease, 6),
        ])
    func negativeControls(_ variant: ProtocolModel.Variant, steps: Int) throws {
        var model = ProtocolModel(loaders: 2, writers: [.value, .value], expiries: 1, unrelated: 1)
        model.variant = variant
        let violation = try #require(model.explore().violation)
        #expect(violation.path.count == steps + 1, "\(Self.text(violation))")
        #expect(model.problem(.init(bits: violation.path[steps])) == violation.problem)
    }

    /// The second publish of the counterexample creates a value of version 2 where 3 was published and has expired.
    @Test("A run of the counterexample reads as steps") func counterexample() throws {
        let model = ProtocolModel(
            loaders: 0, writers: [.value, .value], expiries: 1, variant: .publishCreates)
        let violation = try #require(model.explore().violation)
        #expect(violation.problem == "L2 holds 2, 3 was published")
        let kinds = violation.path.map { ProtocolModel.State(bits: $0)[.kind] }
        #expect(kinds.last == ProtocolModel.Kind.value)
        #expect(kinds.dropLast().allSatisfy { $0 != ProtocolModel.Kind.lease })
    }

    private static func text(_ space: StateSpace) -> String { space.violation.map(text) ?? "sound" }

    private static func text(_ violation: StateSpace.Violation) -> String {
        let lines = violation.path.map { ProtocolModel.State(bits: $0).text }
        return ([violation.problem] + lines).joined(separator: "\n")
    }
}
