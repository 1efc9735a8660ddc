/// Why one strict operation must come before another.
enum Dependency: UInt8 {
    /// It wrote the version before the other's.
    case writeWrite
    /// It wrote the version the other read.
    case writeRead
    /// It read the version the other replaced.
    case readWrite
    /// It ended before the other began.
    case time
}

/// The dependencies between strict operations, in compressed rows, with their strongly connected components.
struct DependencyGraph {
    struct Edge {
        var from: Int32
        var to: Int32
        var dependency: Dependency
    }

    private let starts: [Int32]
    private let edges: [Edge]
    /// The component of each node.
    private(set) var components: [Int32]
    /// How many nodes each component has: a cycle where more than one.
    private(set) var sizes: [Int32] = []

    init(nodes: Int, edges unsorted: [Edge]) {
        var starts = [Int32](repeating: 0, count: nodes + 1)
        for edge in unsorted { starts[Int(edge.from) + 1] += 1 }
        for node in 0..<nodes { starts[node + 1] += starts[node] }
        var cursor = starts
        var sorted = unsorted
        for edge in unsorted {
            sorted[Int(cursor[Int(edge.from)])] = edge
            cursor[Int(edge.from)] += 1
        }
        self.starts = starts
        edges = sorted
        components = [Int32](repeating: -1, count: nodes)
        findComponents()
    }

    private func edges(of node: Int) -> ArraySlice<Edge> { edges[Int(starts[node])..<Int(starts[node + 1])] }

    /// Tarjan's algorithm, with a stack of its own instead of recursion.
    private mutating func findComponents() {
        let count = components.count
        var (index, low) = ([Int32](repeating: -1, count: count), [Int32](repeating: 0, count: count))
        var cursor = starts
        var (open, calls): ([Int], [Int]) = ([], [])
        var next: Int32 = 0
        for root in 0..<count where index[root] < 0 {
            calls.append(root)
            while let node = calls.last {
                if index[node] < 0 {
                    (index[node], low[node]) = (next, next)
                    next += 1
                    open.append(node)
                }
                var child: Int?
                // An edge to a child is looked at again when the child is done: its low mark is final then.
                while child == nil, cursor[node] < starts[node + 1] {
                    let to = Int(edges[Int(cursor[node])].to)
                    if index[to] < 0 {
                        child = to
                    } else {
                        if components[to] < 0 { low[node] = min(low[node], low[to]) }
                        cursor[node] += 1
                    }
                }
                if let child {
                    calls.append(child)
                    continue
                }
                calls.removeLast()
                if low[node] == index[node] { close(node, &open) }
            }
        }
    }

    private mutating func close(_ root: Int, _ open: inout [Int]) {
        var size: Int32 = 0
        while let node = open.popLast() {
            components[node] = Int32(sizes.count)
            size += 1
            if node == root { break }
        }
        sizes.append(size)
    }

    /// The edges inside components of more than one node, the first of each kind in each component.
    func cyclicEdges(_ dependency: Dependency) -> [Edge] {
        edges.filter { edge in
            edge.dependency == dependency && components[Int(edge.from)] == components[Int(edge.to)]
                && sizes[Int(components[Int(edge.from)])] > 1
        }
    }

    /// The shortest way from one node to another inside their component; nil where there is none without `excluded`.
    func path(from start: Int32, to end: Int32, without excluded: Dependency?) -> [Int32]? {
        var before: [Int32: Int32] = [start: start]
        var (queue, first) = ([start], 0)
        while first < queue.count {
            let node = queue[first]
            first += 1
            if node == end { return Self.way(to: end, from: start, before) }
            for edge in edges(of: Int(node)) where edge.dependency != excluded && before[edge.to] == nil {
                guard components[Int(edge.to)] == components[Int(start)] else { continue }
                before[edge.to] = node
                queue.append(edge.to)
            }
        }
        return nil
    }

    private static func way(to end: Int32, from start: Int32, _ before: [Int32: Int32]) -> [Int32] {
        var way = [end]
        while let node = way.last, node != start, let earlier = before[node] { way.append(earlier) }
        return way.reversed()
    }
}
