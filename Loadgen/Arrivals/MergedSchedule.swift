/// Schedules merged by time, each arrival with the number of its schedule; equal times in the order of the numbers.
///
/// Each has a random stream of its own, so adding one leaves the arrivals of the others as they are.
public struct MergedSchedule: Sendable, IteratorProtocol, Sequence {
    /// An arrival of one of the schedules.
    public struct Arrival: Sendable, Equatable {
        /// Nanoseconds after the start.
        public let time: UInt64
        /// The number of its schedule, from 0.
        public let stream: Int
    }

    private var schedules: [ArrivalSchedule]
    private let starts: [UInt64]
    private var heap = TimeHeap()

    /// Schedules that start together.
    public init(_ schedules: [ArrivalSchedule]) {
        self.init(schedules, starts: [UInt64](repeating: 0, count: schedules.count))
    }

    /// Schedules that start at the given nanoseconds, one for each.
    public init(_ schedules: [ArrivalSchedule], starts: [UInt64]) {
        precondition(schedules.count == starts.count, "one start for each schedule")
        self.schedules = schedules
        self.starts = starts
        for index in schedules.indices {
            if let time = self.schedules[index].next() { heap.push(time: time + starts[index], stream: index) }
        }
    }

    init(_ streams: [ArrivalStream], profile: RateProfile, seed: UInt64, stream name: String) {
        self.init(
            streams.enumerated().map { index, stream in
                ArrivalSchedule(
                    stream.process, profile: stream.profile(in: profile), seed: seed, stream: "\(name)/\(index)")
            }, starts: streams.map { UInt64($0.startSeconds * 1e9) })
    }

    /// The next arrival of any, in order; nil after the last of all.
    public mutating func next() -> Arrival? {
        guard let first = heap.first else { return nil }
        if let time = schedules[first.stream].next() {
            heap.replaceFirst(time: time + starts[first.stream])
        } else {
            _ = heap.pop()
        }
        return Arrival(time: first.time, stream: first.stream)
    }
}
