/// Application messages a session has sent, by number, for resending.
///
/// Administrative messages are never stored: a run of them is resent as one gap fill.
public protocol MessageStore {
    /// Keeps the frame sent under `number`; numbers ascend.
    mutating func append(_ number: UInt64, _ frame: UnsafeRawBufferPointer)

    /// Loads the first stored message in `first...last` into `fields`, and hands back its number; nil if there is none.
    mutating func load(from first: UInt64, through last: UInt64, into fields: inout FieldIndex) -> UInt64?

    /// Forgets all messages: both sides start at number 1 again.
    mutating func reset()
}

/// Sent messages in memory, the newest within a byte limit; what fell out is gap-filled.
public struct InMemoryMessageStore: MessageStore, Sendable {
    private var numbers: [UInt64] = []
    private var frames: [[UInt8]] = []
    private var first = 0
    private var bytes = 0
    private let bytesMax: Int

    /// An empty store that keeps at most `bytesMax` bytes of frames.
    public init(bytesMax: Int = 64 << 20) {
        precondition(bytesMax > 0, "a store has room for something")
        self.bytesMax = bytesMax
    }

    /// The number of messages kept.
    public var count: Int { numbers.count - first }

    /// Keeps a copy; drops the oldest messages at the limit.
    public mutating func append(_ number: UInt64, _ frame: UnsafeRawBufferPointer) {
        assert(numbers.last.map { $0 < number } ?? true, "numbers ascend")
        numbers.append(number)
        frames.append(unsafe Array(frame))
        bytes += frame.count
        while bytes > bytesMax {
            bytes -= frames[first].count
            frames[first] = []
            first += 1
        }
        guard first > 1_024, first > numbers.count / 2 else { return }
        numbers.removeFirst(first)
        frames.removeFirst(first)
        first = 0
    }

    /// Finds the message by binary search.
    public mutating func load(from: UInt64, through last: UInt64, into fields: inout FieldIndex) -> UInt64? {
        var low = first
        var high = numbers.count
        while low < high {
            let middle = (low + high) / 2
            if numbers[middle] < from { low = middle + 1 } else { high = middle }
        }
        guard low < numbers.count, numbers[low] <= last else { return nil }
        let outcome = unsafe frames[low].withUnsafeBytes { unsafe fields.parse($0) }
        return outcome == .parsed ? numbers[low] : nil
    }

    /// Forgets all messages.
    public mutating func reset() {
        numbers = []
        frames = []
        first = 0
        bytes = 0
    }
}
