import CacheStack
import Services
import Synchronization

/// Streams of a service in memory, as Redis has them: groups, claims by idle time, one end for each batch. Time is a
/// number that tests set; faults happen when they say so.
final class MemoryStreams: ServiceStreams {
    struct Held {
        var partition: Int
        var bytes: [UInt8]
        var holder: String?
        var since = 0
        var deliveries = 0
    }

    struct State {
        var entries: [(id: String, held: Held)] = []
        var answers: [UInt64: [(id: String, bytes: [UInt8])]] = [:]
        var letters: [(item: StreamItem, reason: String)] = []
        var members: [String: String] = [:]
        var epoch: UInt64 = 0
        var offered: [UInt64]
        var nextID = 0
        /// Milliseconds.
        var now = 0
        var lengthMax = 1_000
        var fault: TierError?
        var isPrepared = false
        /// Batches ended, by id, and the calls that came too late.
        var ends: [String: Int] = [:]
        var lateEnds = 0
        var takes = 0
    }

    let partitions: Int
    let state: Mutex<State>

    init(partitions: Int) {
        self.partitions = partitions
        state = Mutex(State(offered: Array(repeating: 0, count: partitions)))
    }

    private func checked<T: Sendable>(_ body: (inout State) -> T) throws(TierError) -> T {
        let result = state.withLock { state -> Result<T, TierError> in
            if let fault = state.fault { return .failure(fault) }
            return .success(body(&state))
        }
        return try result.get()
    }

    func prepare() async throws(TierError) { try checked { $0.isPrepared = true } }

    func send(_ batches: [(partition: Int, requests: Int, bytes: [UInt8])]) async -> [SendOutcome] {
        state.withLock { state in
            batches.map { batch in
                if let fault = state.fault { return .unknown("\(fault)") }
                guard state.entries.count(where: { $0.held.partition == batch.partition }) < state.lengthMax else {
                    return .full
                }
                state.nextID += 1
                state.entries.append(
                    ("\(state.nextID)-0", Held(partition: batch.partition, bytes: batch.bytes)))
                state.offered[batch.partition] += UInt64(batch.requests)
                return .sent
            }
        }
    }

    func take(
        _ partitions: [Int], as replica: String, limit: Int, wait: Duration
    ) async throws(TierError) -> [StreamItem] {
        let items = try hand(partitions, replica, limit) { held, _ in held.holder == nil }
        state.withLock { $0.takes += 1 }
        if items.isEmpty { try? await Task.sleep(for: .milliseconds(1)) }
        return items
    }

    func claim(
        _ partitions: [Int], as replica: String, idle: Duration, limit: Int
    ) async throws(TierError) -> [StreamItem] {
        let idleMilliseconds = Int(idle / .milliseconds(1))
        return try hand(partitions, replica, limit) { held, now in
            held.holder != nil && now - held.since >= idleMilliseconds
        }
    }

    private func hand(
        _ partitions: [Int], _ replica: String, _ limit: Int, _ isFit: (Held, Int) -> Bool
    ) throws(TierError) -> [StreamItem] {
        try checked { state in
            var counts: [Int: Int] = [:]
            var items: [StreamItem] = []
            for index in state.entries.indices {
                let held = state.entries[index].held
                guard partitions.contains(held.partition), isFit(held, state.now) else { continue }
                guard counts[held.partition, default: 0] < limit else { continue }
                counts[held.partition, default: 0] += 1
                state.entries[index].held.holder = replica
                state.entries[index].held.since = state.now
                state.entries[index].held.deliveries += 1
                items.append(
                    StreamItem(
                        partition: held.partition, id: state.entries[index].id, bytes: held.bytes,
                        deliveries: held.deliveries + 1))
            }
            return items
        }
    }

    func end(
        _ items: [(item: StreamItem, answer: (producer: UInt64, bytes: [UInt8])?)]
    ) async throws(TierError) -> [Bool] {
        try checked { state in
            items.map { item, answer in
                guard let index = state.entries.firstIndex(where: { $0.id == item.id }) else {
                    state.lateEnds += 1
                    return false
                }
                state.entries.remove(at: index)
                state.ends[item.id, default: 0] += 1
                if let answer {
                    let id = "\(state.answers[answer.producer]?.count ?? 0)-1"
                    state.answers[answer.producer, default: []].append((id, answer.bytes))
                }
                return true
            }
        }
    }

    func bury(_ item: StreamItem, reason: String) async throws(TierError) -> Bool {
        try checked { state in
            guard let index = state.entries.firstIndex(where: { $0.id == item.id }) else { return false }
            state.entries.remove(at: index)
            state.letters.append((item, reason))
            return true
        }
    }

    func answers(
        to producer: UInt64, after id: String, wait: Duration
    ) async throws(TierError) -> [(id: String, bytes: [UInt8])] {
        let found = try checked { state -> [(id: String, bytes: [UInt8])] in
            let all = state.answers[producer] ?? []
            guard let last = all.firstIndex(where: { $0.id == id }) else { return all }
            return Array(all[(last + 1)...])
        }
        if found.isEmpty { try? await Task.sleep(for: .milliseconds(1)) }
        return found
    }

    func join(_ replica: String, facts: String) async throws(TierError) -> ServiceMembership {
        try checked { state in
            if state.members.updateValue(facts, forKey: replica) == nil { state.epoch += 1 }
            return ServiceMembership(epoch: state.epoch, members: state.members)
        }
    }

    func leave(_ replica: String) async throws(TierError) {
        try checked { state in
            if state.members.removeValue(forKey: replica) != nil { state.epoch += 1 }
        }
    }

    func members() async throws(TierError) -> ServiceMembership {
        try checked { ServiceMembership(epoch: $0.epoch, members: $0.members) }
    }

    func load() async throws(TierError) -> ServiceLoad {
        let partitions = partitions
        return try checked { state in
            ServiceLoad(
                offered: state.offered,
                waiting: (0..<partitions).map { partition in
                    state.entries.count { $0.held.partition == partition }
                })
        }
    }
}

/// Polls until `isTrue`; false where twenty seconds passed first.
func soon(_ isTrue: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < end {
        if await isTrue() { return true }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return false
}
