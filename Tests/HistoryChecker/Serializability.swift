extension HistoryChecker {
    /// A9: the strict operations, committed writes among them, have one order that agrees with the version order, with
    /// what each read and with time.
    ///
    /// Time costs two edges an operation: the ends form a chain of nodes; an operation points at its own end, and the
    /// last end before its beginning points at it.
    mutating func checkSerializability() {
        var builder = GraphBuilder(self)
        builder.addOperations()
        builder.addVersions()
        builder.addTime()
        let graph = DependencyGraph(nodes: builder.count, edges: builder.edges)
        guard graph.sizes.contains(where: { $0 > 1 }) else { return }
        let classes: [(name: String, excluded: Set<Dependency>)] = [
            ("G0, a cycle of writes", [.writeRead, .readWrite]), ("G1c, a cycle of reads and writes", [.readWrite]),
            ("", []),
        ]
        var reported: Set<Int32> = []
        for (name, excluded) in classes {
            let part =
                excluded.isEmpty
                ? graph
                : DependencyGraph(
                    nodes: builder.count, edges: builder.edges.filter { !excluded.contains($0.dependency) })
            for dependency in [Dependency.readWrite, .writeRead, .writeWrite] where !excluded.contains(dependency) {
                for edge in part.cyclicEdges(dependency) {
                    guard reported.count < Report.keptMax else { return }
                    guard !reported.contains(graph.components[Int(edge.from)]) else { continue }
                    let isSingle = excluded.isEmpty ? part.path(from: edge.to, to: edge.from, without: .readWrite) : nil
                    guard let cycle = isSingle ?? part.path(from: edge.to, to: edge.from, without: nil) else {
                        continue
                    }
                    reported.insert(graph.components[Int(edge.from)])
                    let kind =
                        name.isEmpty
                        ? (isSingle != nil ? "G-single, one anti-dependency" : "G2, anti-dependencies") : name
                    addCycle(kind, cycle, builder)
                }
            }
        }
    }

    private mutating func addCycle(_ kind: String, _ cycle: [Int32], _ builder: GraphBuilder) {
        let operations = cycle.compactMap { builder.operation(of: $0) }
        let keys = operations.map { index in
            Set(history.observations(of: index).map(\.key) + history.writes(of: index).map(\.key))
        }
        var shared: Set<UInt64> = []
        for (a, b) in zip(keys, keys.dropFirst() + keys.prefix(1)) { shared.formUnion(a.intersection(b)) }
        var tickets: [UInt64: (low: UInt64, high: UInt64)] = [:]
        for index in operations {
            let seen = history.observations(of: index).map { ($0.key, $0.version) }
            let written = self.tickets[history.operations[index].attempt].map { ticket in
                history.writes(of: index).map { ($0.key, ticket) }
            }
            for (key, version) in seen + (written ?? []) where shared.contains(key) {
                let old = tickets[key] ?? (version, version)
                tickets[key] = (min(old.low, version), max(old.high, version))
            }
        }
        let versions = tickets.keys.sorted().prefix(4).flatMap { key in
            near(key, tickets[key]?.low ?? 0, tickets[key]?.high)
        }
        report.add(.notSerializable, "\(kind) over \(operations.count) operations", inTime(operations), versions)
    }
}

/// Builds the graph of A9: one node for each strict read and each committed write, then one for each end.
private struct GraphBuilder {
    private let checker: HistoryChecker
    private var nodes: [Int: Int32] = [:]
    private var operations: [Int] = []
    /// Nodes of commits whose call is not in the history, by ticket.
    private var strangers: [UInt64: Int32] = [:]
    private(set) var count = 0
    private(set) var edges: [DependencyGraph.Edge] = []

    init(_ checker: HistoryChecker) { self.checker = checker }

    func operation(of node: Int32) -> Int? {
        Int(node) < operations.count && operations[Int(node)] >= 0 ? operations[Int(node)] : nil
    }

    mutating func addOperations() {
        for (index, operation) in checker.history.operations.enumerated() {
            let takesPart =
                operation.kind == .write
                ? checker.tickets[operation.attempt] != nil : operation.kind == .strict && operation.outcome == .ok
            guard takesPart else { continue }
            nodes[index] = Int32(count)
            operations.append(index)
            count += 1
        }
    }

    private mutating func writer(_ version: DurableVersion) -> Int32 {
        if let index = checker.attempts[version.attempt], let node = nodes[index] { return node }
        if let node = strangers[version.ticket] { return node }
        let node = Int32(count)
        strangers[version.ticket] = node
        operations.append(-1)
        count += 1
        return node
    }

    private mutating func add(_ from: Int32, _ to: Int32, _ dependency: Dependency) {
        if from != to { edges.append(.init(from: from, to: to, dependency: dependency)) }
    }

    mutating func addVersions() {
        let order = checker.order
        let writers = order.versions.map { writer($0) }
        for place in order.versions.indices {
            if let before = order.previous(place) { add(writers[before], writers[place], .writeWrite) }
        }
        for (index, node) in nodes.sorted(by: { $0.key < $1.key }) {
            for item in checker.history.observations(of: index) {
                if let place = order.place(item.key, item.version) { add(writers[place], node, .writeRead) }
                if let next = order.next(item.key, after: item.version) { add(node, writers[next], .readWrite) }
            }
        }
    }

    mutating func addTime() {
        let all = checker.history.operations
        let timed = nodes.sorted { $0.key < $1.key }
        // What is in doubt when its call ends may take effect at any time after.
        let ends = timed.filter { all[$0.key].end != Operation.never && all[$0.key].outcome != .inDoubt }
            .sorted { all[$0.key].end < all[$1.key].end }
        for (rank, (_, node)) in ends.enumerated() {
            add(node, Int32(count + rank), .time)
            if rank > 0 { add(Int32(count + rank - 1), Int32(count + rank), .time) }
        }
        var rank = 0
        for (index, node) in timed.sorted(by: { all[$0.key].begin < all[$1.key].begin }) {
            while rank < ends.count, all[ends[rank].key].end < all[index].begin { rank += 1 }
            if rank > 0 { add(Int32(count + rank - 1), node, .time) }
        }
        count += ends.count
    }
}
