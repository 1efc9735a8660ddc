/// The protocol of L2 as a model: loaders, writers, expiry and unrelated commits on one key, step by step.
///
/// A loader asks GETL and, with the lease, takes a snapshot and FILLs. On a value it stops, or takes a snapshot and
/// PUBLISHes what it read: with the version it found this is the renewal of a certificate. A writer commits and then
/// PUBLISHes with or without the value. The key may expire at any point. An unrelated commit only moves the ticket.
///
/// The whole state is one 64-bit number:
///
/// | bits | field |
/// |---|---|
/// | 0-7 | L2: kind, version or floor, ticket of the certificate or token |
/// | 8-10 | current ticket |
/// | 11-18 | tickets that wrote the key, as bits |
/// | 19-21 | highest version whose publish is complete |
/// | 22-24 | expiries and unrelated commits left |
/// | 25-51 | three loaders: step, version and ticket of the snapshot |
/// | 52-63 | three writers: whether done, ticket |
struct ProtocolModel {
    /// What a writer's PUBLISH carries.
    enum Writer: Character {
        case value = "P"
        case invalidation = "I"
    }

    /// The protocol, or a way to get it wrong.
    enum Variant: CaseIterable {
        case correct
        /// Correct too: PUBLISH on an absent key leaves no tombstone.
        case skipsAbsent
        /// GET, SET and DEL: no leases, no versions.
        case naive
        /// PUBLISH stores a value where the key is absent.
        case publishCreates
        /// FILL stores whatever is not older than a value, without asking for the lease.
        case fillWithoutLease
        /// The loader reads L3 first and asks for the lease afterwards.
        case snapshotBeforeLease
    }

    var loaders: Int
    var writers: [Writer]
    var expiries: Int
    var unrelated = 0
    /// Whether entries carry the ticket up to which their version is proven, and hits may be loaded again. Without
    /// them only the end is judged.
    var hasCertificates = true
    /// Whether PUBLISH of the version held takes a later ticket.
    var renews = true
    /// Whether a reader's PUBLISH must be heeded like a writer's; the state then remembers it, so there are more states.
    var countsReaders = false
    var variant = Variant.correct

    /// Explores every interleaving.
    func explore() -> StateSpace {
        StateSpace(
            from: first.bits, successors: { successors(of: State(bits: $0), &$1) },
            problem: { problem(State(bits: $0)) }, isEnd: { isEnd(State(bits: $0)) },
            endProblem: { endProblem(State(bits: $0)) })
    }

    var first: State {
        var state = State(bits: 0)
        state[.ticket] = 1
        state[.written] = 1 << 1
        state[.expiries] = expiries
        state[.unrelated] = unrelated
        return state
    }

    // MARK: What must hold

    /// In every state: no value is older than a completed publish, and every certificate is true.
    func problem(_ state: State) -> String? {
        guard state[.kind] == Kind.value, hasCertificates else { return nil }
        let (version, asOf) = (state[.version], state[.asOf])
        if state[.published] > version { return "L2 holds \(version), \(state[.published]) was published" }
        for ticket in version + 1..<max(version + 1, asOf + 1) where state[.written] >> ticket & 1 == 1 {
            return "L2 holds \(version) certified up to \(asOf), \(ticket) wrote the key"
        }
        return nil
    }

    /// Whether all loaders and writers are done; expiries may be left.
    func isEnd(_ state: State) -> Bool {
        (0..<loaders).allSatisfy { state[Field.Loader($0).step] == Step.done }
            && writers.indices.allSatisfy { state[Field.Writer($0).isDone] == 1 }
    }

    /// At the end, when all are done: a value is the newest.
    func endProblem(_ state: State) -> String? {
        let newest = state.newest
        guard state[.kind] == Kind.value, state[.version] != newest else { return nil }
        return "L2 holds \(state[.version]) for good, the newest is \(newest)"
    }

    // MARK: Steps

    func successors(of state: State, _ next: inout [UInt64]) {
        for index in 0..<loaders { load(index, state, &next) }
        for (index, writer) in writers.enumerated() { write(index, writer, state, &next) }
        if state[.expiries] > 0, state[.kind] != Kind.none {
            var after = state
            after[.expiries] -= 1
            after.store(Kind.none)
            next.append(after.bits)
        }
        if state[.unrelated] > 0 {
            var after = state
            after[.unrelated] -= 1
            after[.ticket] += 1
            next.append(after.bits)
        }
    }

    private func load(_ index: Int, _ state: State, _ next: inout [UInt64]) {
        let loader = Field.Loader(index)
        var after = state
        switch state[loader.step] {
        case Step.start:
            guard variant == .snapshotBeforeLease else {
                lease(index, state, then: Step.leased, &next)
                return
            }
            after.snapshot(loader, then: Step.leased, hasCertificates)
        case Step.leased:
            if variant == .snapshotBeforeLease {
                lease(index, state, then: Step.loaded, &next)
                return
            }
            after.snapshot(loader, then: Step.loaded, hasCertificates)
        case Step.loaded:
            fill(&after, index)
            after.finish(loader)
        case Step.reloading: after.snapshot(loader, then: Step.reloaded, hasCertificates)
        case Step.reloaded:
            let version = state[loader.version]
            publish(&after, version: version, asOf: state[loader.asOf], hasValue: true)
            if countsReaders { after[.published] = max(after[.published], version) }
            after.finish(loader)
        default: return
        }
        next.append(after.bits)
    }

    private func lease(_ index: Int, _ state: State, then step: Int, _ next: inout [UInt64]) {
        let loader = Field.Loader(index)
        var after = state
        switch state[.kind] {
        case Kind.none, Kind.tombstone:
            let floor = state[.kind] == Kind.none ? 0 : state[.version]
            if variant != .naive && variant != .fillWithoutLease {
                after.store(Kind.lease, version: floor, asOf: index)
            }
            after[loader.step] = step
        case Kind.value where hasCertificates && variant != .naive:
            var again = state
            again[loader.step] = Step.reloading
            again[loader.version] = 0
            again[loader.asOf] = 0
            next.append(again.bits)
            after.finish(loader)
        default: after.finish(loader)
        }
        next.append(after.bits)
    }

    private func fill(_ after: inout State, _ index: Int) {
        let loader = Field.Loader(index)
        let (version, asOf) = (after[loader.version], after[loader.asOf])
        if variant == .naive {
            after.store(Kind.value, version: version, asOf: asOf)
            return
        }
        if variant == .fillWithoutLease {
            guard after[.kind] == Kind.none || version >= after[.version] else { return }
            after.store(Kind.value, version: version, asOf: asOf)
            return
        }
        guard after[.kind] == Kind.lease, after[.asOf] == index else { return }
        if version >= after[.version] {
            after.store(Kind.value, version: version, asOf: asOf)
        } else {
            after.store(Kind.tombstone, version: after[.version])
        }
    }

    private func write(_ index: Int, _ writer: Writer, _ state: State, _ next: inout [UInt64]) {
        let (ticket, isDone) = (Field.Writer(index).ticket, Field.Writer(index).isDone)
        var after = state
        if state[ticket] == 0 {
            after[.ticket] += 1
            after[ticket] = after[.ticket]
            after[.written] |= 1 << after[.ticket]
        } else if state[isDone] == 0 {
            let version = state[ticket]
            publish(&after, version: version, asOf: hasCertificates ? version : 0, hasValue: writer == .value)
            if hasCertificates { after[.published] = max(after[.published], version) }
            after[isDone] = 1
        } else {
            return
        }
        next.append(after.bits)
    }

    private func publish(_ after: inout State, version: Int, asOf: Int, hasValue: Bool) {
        if variant == .naive {
            after.store(Kind.none)
            return
        }
        if after[.kind] == Kind.none {
            if variant == .publishCreates, hasValue {
                after.store(Kind.value, version: version, asOf: asOf)
            } else if variant != .skipsAbsent {
                after.store(Kind.tombstone, version: version)
            }
            return
        }
        let held = after[.version]
        if held == version, after[.kind] == Kind.value, hasValue, after[.asOf] < asOf, renews {
            after[.asOf] = asOf
        }
        guard held < version else { return }
        switch after[.kind] {
        case Kind.lease: after[.version] = version
        case Kind.value where hasValue: after.store(Kind.value, version: version, asOf: asOf)
        default: after.store(Kind.tombstone, version: version)
        }
    }
}

extension ProtocolModel {
    /// What L2 holds.
    enum Kind {
        static let none = 0
        static let tombstone = 1
        static let lease = 2
        static let value = 3
    }

    /// Where a loader is.
    enum Step {
        static let start = 0
        static let leased = 1
        static let loaded = 2
        static let reloading = 3
        static let reloaded = 4
        static let done = 5
    }

    /// Some bits of a state.
    struct Field {
        var offset: UInt64
        var width: UInt64

        static let kind = Field(offset: 0, width: 2)
        static let version = Field(offset: 2, width: 3)
        static let asOf = Field(offset: 5, width: 3)
        static let ticket = Field(offset: 8, width: 3)
        static let written = Field(offset: 11, width: 8)
        static let published = Field(offset: 19, width: 3)
        static let expiries = Field(offset: 22, width: 2)
        static let unrelated = Field(offset: 24, width: 1)

        struct Loader {
            let step: Field
            let version: Field
            let asOf: Field

            init(_ index: Int) {
                let offset = UInt64(25 + 9 * index)
                step = Field(offset: offset, width: 3)
                version = Field(offset: offset + 3, width: 3)
                asOf = Field(offset: offset + 6, width: 3)
            }
        }

        struct Writer {
            let isDone: Field
            let ticket: Field

            init(_ index: Int) {
                let offset = UInt64(52 + 4 * index)
                isDone = Field(offset: offset, width: 1)
                ticket = Field(offset: offset + 1, width: 3)
            }
        }
    }

    /// A state, read and written by fields.
    struct State {
        var bits: UInt64

        subscript(field: Field) -> Int {
            get { Int(truncatingIfNeeded: bits >> field.offset & (1 << field.width - 1)) }
            set {
                let mask: UInt64 = 1 << field.width - 1
                precondition(UInt64(newValue) & ~mask == 0, "the field holds the value")
                bits = bits & ~(mask << field.offset) | UInt64(newValue) << field.offset
            }
        }

        /// The newest version of the key.
        var newest: Int { Int.bitWidth - 1 - self[.written].leadingZeroBitCount }

        mutating func store(_ kind: Int, version: Int = 0, asOf: Int = 0) {
            self[.kind] = kind
            self[.version] = version
            self[.asOf] = asOf
        }

        mutating func snapshot(_ loader: Field.Loader, then step: Int, _ hasCertificates: Bool) {
            self[loader.step] = step
            self[loader.version] = newest
            self[loader.asOf] = hasCertificates ? self[.ticket] : 0
        }

        mutating func finish(_ loader: Field.Loader) {
            self[loader.step] = Step.done
            self[loader.version] = 0
            self[loader.asOf] = 0
        }

        /// One line: what L2 holds, and where everybody is.
        var text: String {
            let kind = ["-", "T", "L", "V"][self[.kind]]
            let loaders = (0..<3).map { "\(self[Field.Loader($0).step])" }.joined(separator: " ")
            let writers = (0..<3).map { "\(self[Field.Writer($0).ticket])" }.joined(separator: " ")
            return "L2 \(kind)\(self[.version])/\(self[.asOf]) ticket \(self[.ticket]) "
                + "published \(self[.published]) loaders \(loaders) writers \(writers)"
        }
    }
}
