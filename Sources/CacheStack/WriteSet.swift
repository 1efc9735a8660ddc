/// The rows one transaction writes, grouped by space and stored flat: no allocation per row in the steady state.
public struct WriteSet: Sendable {
    /// What happens to a row.
    public enum Mode: UInt8, Sendable {
        /// Write the row whether it exists or not.
        case upsert
        /// The row must not exist; if it does the whole batch fails with `TierError.Code.constraint`.
        case insert
        /// Mark the row deleted: a deletion is a version too.
        case delete
    }

    /// Rows of one space and mode whose payloads have the same size: all of them, unless the space has wide fields.
    public struct Group: Sendable {
        public let space: SpaceID
        public let mode: Mode
        public private(set) var ids: [UInt64] = []
        /// The payloads one after another, all of the same size (empty for deletions).
        public private(set) var bytes: [UInt8] = []

        init(space: SpaceID, mode: Mode) {
            self.space = space
            self.mode = mode
        }

        /// Whether a payload of `size` bytes keeps them all of the same size.
        func takes(_ size: Int) -> Bool { bytes.count == ids.count * size }

        mutating func append(_ id: UInt64, _ payload: some Collection<UInt8>) {
            ids.append(id)
            bytes.append(contentsOf: payload)
        }

        mutating func append(_ id: UInt64, payloadOf body: (inout [UInt8]) -> Void) {
            ids.append(id)
            body(&bytes)
        }

        mutating func clear() {
            ids.removeAll(keepingCapacity: true)
            bytes.removeAll(keepingCapacity: true)
        }
    }

    public private(set) var groups: [Group] = []

    /// A write set without rows.
    public init() {}

    /// Number of rows.
    public var count: Int { groups.reduce(0) { $0 + $1.ids.count } }

    /// Adds a row. A key must not occur twice in one write set: the last writer coalesces.
    public mutating func append(_ key: CacheKey, _ mode: Mode = .upsert, payload: some Collection<UInt8>) {
        groups[group(key.space, mode, size: payload.count)].append(key.id, payload)
    }

    /// Adds a row of a space without wide fields, whose payload `body` appends to the buffer it is given.
    public mutating func append(_ key: CacheKey, _ mode: Mode = .upsert, _ body: (inout [UInt8]) -> Void) {
        groups[group(key.space, mode)].append(key.id, payloadOf: body)
    }

    /// Removes all rows and keeps the memory.
    public mutating func clear() {
        for index in groups.indices { groups[index].clear() }
    }

    private mutating func group(_ space: SpaceID, _ mode: Mode, size: Int? = nil) -> Int {
        for index in groups.indices where groups[index].space == space && groups[index].mode == mode {
            guard let size, !groups[index].takes(size) else { return index }
        }
        groups.append(Group(space: space, mode: mode))
        return groups.count - 1
    }
}
