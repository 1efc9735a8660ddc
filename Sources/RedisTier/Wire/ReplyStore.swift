/// Replies of Redis, stored flat: nodes in depth-first order over one buffer of bytes.
///
/// An array node is followed by its elements. Storing flat costs no allocation per reply once the arrays have grown.
package struct ReplyStore: Sendable {
    /// RESP2 types.
    package enum Kind: UInt8, Sendable {
        case status, error, integer, bulk, array, null
    }

    /// One value.
    package struct Node: Sendable, Hashable {
        package var kind: Kind
        /// Bytes of a status, error or bulk; elements of an array.
        package var count: Int32
        /// Offset of the bytes, or the integer.
        package var value: Int64
    }

    package private(set) var nodes: [Node] = []
    package private(set) var bytes: [UInt8] = []

    /// A store without replies.
    package init() {}

    /// Removes all replies and keeps the memory.
    package mutating func clear() {
        nodes.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
    }

    /// Reserves room, where the number of replies is known.
    package mutating func reserve(nodes nodeCount: Int, bytes byteCount: Int) {
        nodes.reserveCapacity(nodeCount)
        bytes.reserveCapacity(byteCount)
    }

    /// Appends a bulk string; returns the index of its node.
    mutating func append(bulk source: UnsafeRawBufferPointer) -> Int {
        nodes.append(Node(kind: .bulk, count: Int32(source.count), value: Int64(bytes.count)))
        bytes.append(contentsOf: source)
        return nodes.count - 1
    }

    mutating func append(_ kind: Kind, bytes source: UnsafeBufferPointer<UInt8>) {
        nodes.append(Node(kind: kind, count: Int32(source.count), value: Int64(bytes.count)))
        bytes.append(contentsOf: source)
    }

    mutating func append(_ kind: Kind, count: Int32 = 0, value: Int64 = 0) {
        nodes.append(Node(kind: kind, count: count, value: value))
    }

    /// Appends a copy of all of `other`; returns the index of its first node.
    mutating func append(_ other: borrowing ReplyStore) -> Int {
        let root = nodes.count
        let shift = Int64(bytes.count)
        for node in other.nodes {
            var copy = node
            switch node.kind {
            case .status, .error, .bulk: copy.value += shift
            case .integer, .array, .null: break
            }
            nodes.append(copy)
        }
        bytes.append(contentsOf: other.bytes)
        return root
    }

    /// The bytes of a status, error or bulk node; empty for other kinds.
    package func text(_ index: Int) -> ArraySlice<UInt8> { bytes[range(of: index)] }

    /// Where they are in `bytes`.
    func range(of index: Int) -> Range<Int> {
        let node = nodes[index]
        switch node.kind {
        case .status, .error, .bulk: return Int(node.value)..<Int(node.value) + Int(node.count)
        case .integer, .array, .null: return 0..<0
        }
    }

    /// The same as a string, invalid UTF-8 repaired.
    package func string(_ index: Int) -> String { String(decoding: text(index), as: UTF8.self) }

    /// The index after the node and everything below it.
    package func end(of index: Int) -> Int {
        var next = index
        var open = 1
        while open > 0 {
            open -= 1
            if nodes[next].kind == .array { open += Int(nodes[next].count) }
            next += 1
        }
        return next
    }

    /// Node indices of the elements of an array node.
    package func elements(of index: Int) -> [Int] {
        guard nodes[index].kind == .array else { return [] }
        var found: [Int] = []
        var next = index + 1
        for _ in 0..<nodes[index].count {
            found.append(next)
            next = end(of: next)
        }
        return found
    }
}
