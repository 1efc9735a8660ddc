import CacheStack
import Testing

@Suite("Commit decision")
struct CommitDecisionTests {
    static let space = SpaceID(rawValue: 1)
    static let a = CacheKey(space, 1)
    static let b = CacheKey(space, 2)
    static let ticket = Ticket(10)

    static func transaction(
        _ expectations: [Transaction.Expectation] = [], writes: [CacheKey] = [], key: String? = nil, body: UInt64 = 1
    ) -> Transaction {
        var set = WriteSet()
        for key in writes { set.append(key, payload: [1]) }
        return Transaction(
            expectations: expectations, writes: set,
            idempotency: key.map { Transaction.IdempotencyKey($0, bodyHash: body) })
    }

    static func decide(
        _ batch: [Transaction], _ current: [CacheKey: Ticket] = [:],
        known: [String: CommitDecision.KnownAttempt] = [:]
    ) -> [CommitDecision] {
        CommitDecision.decide(
            batch, current: { current[$0] }, idempotency: { known[$0.key] }, ticket: ticket, epoch: 2)
    }

    @Test("An expectation read in a lost history is a conflict although the ticket is the same")
    func otherEpoch() {
        let current = [Self.a: Ticket(3)]
        for (epoch, decision) in [
            (UInt32(0), CommitDecision.accepted), (2, .accepted), (1, .conflict(Self.a, current: Ticket(3))),
        ] {
            let writer = Self.transaction([.init(Self.a, at: Ticket(3), epoch: epoch)], writes: [Self.a])
            #expect(Self.decide([writer], current) == [decision], "\(epoch)")
        }
    }

    @Test("The first committer wins within a batch: its write counts as the batch's ticket for those behind")
    func firstCommitterWins() {
        let writer = Self.transaction([.init(Self.a, at: Ticket(3))], writes: [Self.a])
        #expect(
            Self.decide([writer, writer], [Self.a: Ticket(3)]) == [.accepted, .conflict(Self.a, current: Ticket(10))])
        let next = Self.transaction([.init(Self.a, at: Self.ticket)], writes: [Self.a])
        #expect(Self.decide([writer, next], [Self.a: Ticket(3)]) == [.accepted, .accepted])
    }

    @Test("A transaction in conflict writes nothing: the one behind it sees the old version")
    func conflictLeavesNoTrace() {
        let refused = Self.transaction([.init(Self.b, at: Ticket(1))], writes: [Self.a], key: "k")
        let next = Self.transaction([.init(Self.a, at: Ticket(3))], writes: [Self.a], key: "k")
        #expect(
            Self.decide([refused, next], [Self.a: Ticket(3)]) == [.conflict(Self.b, current: .zero), .accepted])
    }

    @Test("A row that never existed is at version zero")
    func absentRow() {
        let insert = Self.transaction([.init(Self.a, at: .zero)], writes: [Self.a])
        #expect(Self.decide([insert]) == [.accepted])
        #expect(Self.decide([insert], [Self.a: Ticket(1)]) == [.conflict(Self.a, current: Ticket(1))])
    }

    @Test("A known idempotency key is a duplicate with the same body and refused with another, also within a batch")
    func idempotency() {
        let first = Self.transaction(key: "k", body: 1)
        let other = Self.transaction(key: "k", body: 2)
        #expect(Self.decide([first, first, other]) == [.accepted, .duplicate(Ticket(10)), .keyReused])
        let known = ["k": CommitDecision.KnownAttempt(ticket: Ticket(4), bodyHash: 1)]
        #expect(Self.decide([first, other], known: known) == [.duplicate(Ticket(4)), .keyReused])
    }
}
