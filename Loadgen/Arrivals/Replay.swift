/// Replays times; with jitter, arrivals wait in a heap until none after them can overtake.
struct TimeReplay: Sendable {
    private let recording: TimeRecording
    private let jitter: UInt64
    private var random: Xoshiro256
    private var index = 0
    private var pass: UInt64 = 0
    private var waiting = TimeHeap()

    init(_ recording: TimeRecording, _ random: Xoshiro256) {
        self.recording = recording
        jitter = UInt64(recording.jitterSeconds * 1e9)
        self.random = random
    }

    mutating func next() -> UInt64? {
        guard jitter > 0 else { return recorded() }
        while true {
            // No later arrival can come before the next recorded time less the jitter.
            if let first = waiting.first, peeked.map({ first.time + jitter <= $0 }) ?? true {
                return waiting.pop()?.time
            }
            guard let time = recorded() else { return nil }
            let shift = random.below(Int(2 * jitter + 1))
            waiting.push(time: time + UInt64(shift) >= jitter ? time + UInt64(shift) - jitter : 0, stream: 0)
        }
    }

    private var peeked: UInt64? {
        if index < recording.times.count { return recording.replayed(recording.times[index], pass: pass) }
        return recording.repeats ? recording.replayed(recording.times[0], pass: pass + 1) : nil
    }

    private mutating func recorded() -> UInt64? {
        guard let time = peeked else { return nil }
        if index == recording.times.count {
            index = 0
            pass += 1
        }
        index += 1
        return time
    }
}

/// Replays counts: the arrivals of a bucket are drawn in order, without holding them.
struct CountReplay: Sendable {
    private let recording: CountRecording
    private var random: Xoshiro256
    private var bucket = -1
    private var start: UInt64 = 0
    private var end: UInt64 = 0
    private var order = OrderStatistics(count: 0)

    init(_ recording: CountRecording, _ random: Xoshiro256) {
        self.recording = recording
        self.random = random
    }

    /// The next arrival; nil after the last, or from `endNanoseconds` on.
    mutating func next(endNanoseconds: Double) -> UInt64? {
        while order.remaining == 0 {
            bucket += 1
            let count = recording.counts.count
            guard recording.repeats || bucket < count, Double(recording.start(ofBucket: bucket)) < endNanoseconds else {
                bucket -= 1
                return nil
            }
            start = recording.start(ofBucket: bucket)
            end = recording.start(ofBucket: bucket + 1)
            order = OrderStatistics(count: recording.counts[bucket % count])
        }
        let share =
            switch recording.placement {
            case .random: order.next(using: &random)
            case .even: order.nextMiddle()
            }
        return min(start + UInt64(share * Double(end - start)), end - 1)
    }
}

/// The order statistics of `count` uniforms on 0..<1, one by one in constant memory: the tail above the next of k
/// left is multiplied by U^(1/k) (Bentley and Saxe 1980, as Gatling does).
struct OrderStatistics: Sendable {
    private let count: Int
    private(set) var remaining: Int
    private var tail = 1.0

    init(count: Int) {
        self.count = count
        remaining = count
    }

    mutating func next(using random: inout Xoshiro256) -> Double {
        tail *= Elementary.exp(Elementary.log(random.unit()) / Double(remaining))
        remaining -= 1
        return 1 - tail
    }

    /// The middle of the next of `count` equal parts.
    mutating func nextMiddle() -> Double {
        remaining -= 1
        return (Double(count - remaining) - 0.5) / Double(count)
    }
}

/// Times with the stream they come from, the earliest on top; of equal times the stream of the lower number.
struct TimeHeap: Sendable {
    struct Entry: Sendable {
        var time: UInt64
        var stream: Int

        func isBefore(_ other: Entry) -> Bool { (time, stream) < (other.time, other.stream) }
    }

    private var entries: [Entry] = []

    var first: Entry? { entries.first }

    mutating func push(time: UInt64, stream: Int) {
        entries.append(Entry(time: time, stream: stream))
        var child = entries.count - 1
        while child > 0, entries[child].isBefore(entries[(child - 1) / 2]) {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Entry? {
        guard let top = entries.first else { return nil }
        let last = entries.removeLast()
        if !entries.isEmpty {
            entries[0] = last
            sink()
        }
        return top
    }

    /// Gives the top another time.
    mutating func replaceFirst(time: UInt64) {
        entries[0].time = time
        sink()
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < entries.count else { return }
            if child + 1 < entries.count, entries[child + 1].isBefore(entries[child]) { child += 1 }
            guard entries[child].isBefore(entries[parent]) else { return }
            entries.swapAt(child, parent)
            parent = child
        }
    }
}
