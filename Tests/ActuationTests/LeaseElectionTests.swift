import Actuation
import Foundation
import TestData
import Testing

@Suite("Election over a lease")
struct LeaseElectionTests {
    let wall = MicroTime(microseconds: 1_800_000_000_000_000)

    func leader(_ identity: String = "a", at now: Double = 100) -> LeaseElection {
        var election = LeaseElection(identity: identity)
        #expect(election.begin(at: now) == .read)
        guard case .create(let record) = election.take(.absent, at: now, wall: wall) else {
            Issue.record("an absent lease is created")
            return election
        }
        #expect(
            record
                == LeaseRecord(
                    holder: identity, durationSeconds: 15, acquireTime: wall, renewTime: wall, transitions: 0))
        #expect(election.epoch(at: now) == nil, "not before the store has it")
        #expect(election.take(.written(version: "1"), at: now + 0.1, wall: wall) == nil)
        return election
    }

    @Test("The first candidate creates the lease and leads in epoch 0 until 10 s after its round began")
    func create() {
        let election = leader(at: 100)
        #expect(election.epoch(at: 100.1) == 0 && election.epoch(at: 109.999) == 0)
        #expect(election.epoch(at: 110) == nil, "the deadline counts from the round's begin, not from the answer")
        #expect(election.epoch(at: 99) == nil, "a clock that went back is not trusted")
        #expect(election.holder == "a")
    }

    @Test("A renewal keeps the time of acquisition and the epoch")
    func renewal() {
        var election = leader()
        let record = LeaseRecord(holder: "a", durationSeconds: 15, acquireTime: wall, renewTime: wall, transitions: 0)
        let later = MicroTime(microseconds: wall.microseconds + 2_000_000)
        _ = election.begin(at: 102)
        let request = election.take(.found(record, version: "7"), at: 102.1, wall: later)
        var renewed = record
        renewed.renewTime = later
        #expect(request == .update(renewed, version: "7"))
        #expect(election.take(.written(version: "8"), at: 102.2, wall: later) == nil)
        #expect(election.epoch(at: 111.9) == 0 && election.epoch(at: 112) == nil)
    }

    @Test(
        "Expiry counts from the last change seen here; renewTime of another clock says nothing",
        arguments: [-9_000, 0, 9_000])
    func expiry(_ skew: Int64) {
        var election = LeaseElection(identity: "b")
        var record = LeaseRecord(
            holder: "a", durationSeconds: 15, acquireTime: wall,
            renewTime: MicroTime(microseconds: wall.microseconds + skew * 1_000_000), transitions: 4)
        _ = election.begin(at: 50)
        #expect(election.take(.found(record, version: "1"), at: 50, wall: wall) == nil)
        _ = election.begin(at: 64.9)
        #expect(election.take(.found(record, version: "1"), at: 64.9, wall: wall) == nil, "15 s have not passed")
        record.renewTime = MicroTime(microseconds: wall.microseconds + 1)
        _ = election.begin(at: 66)
        #expect(election.take(.found(record, version: "2"), at: 66, wall: wall) == nil, "it was renewed")
        _ = election.begin(at: 81)
        guard case .update(let taken, version: "2") = election.take(.found(record, version: "2"), at: 81, wall: wall)
        else {
            Issue.record("the lease is free 15 s after its last change")
            return
        }
        #expect(taken.holder == "b" && taken.transitions == 5 && taken.acquireTime == wall)
        #expect(election.take(.written(version: "3"), at: 81.5, wall: wall) == nil && election.epoch(at: 81.5) == 5)
    }

    @Test("An empty holder is taken at once, another candidate's write first means wait")
    func released() {
        var election = LeaseElection(identity: "b")
        let free = LeaseRecord(holder: "", durationSeconds: 1, acquireTime: wall, renewTime: wall, transitions: 2)
        _ = election.begin(at: 0)
        #expect(election.take(.found(free, version: "5"), at: 0, wall: wall) != nil)
        #expect(election.take(.failed, at: 0.1, wall: wall) == nil && election.epoch(at: 0.1) == nil)
    }

    @Test("A leader that finds another holder stops at once")
    func deposed() {
        var election = leader()
        _ = election.begin(at: 102)
        let other = LeaseRecord(holder: "b", durationSeconds: 15, acquireTime: wall, renewTime: wall, transitions: 1)
        #expect(election.take(.found(other, version: "9"), at: 102, wall: wall) == nil)
        #expect(election.epoch(at: 102) == nil && election.holder == "b")
    }

    @Test("A lease that was deleted comes back under a higher epoch, one lost by silence too")
    func higherEpochs() {
        var election = leader()
        _ = election.begin(at: 102)
        guard case .create(let record) = election.take(.absent, at: 102, wall: wall) else {
            Issue.record("an absent lease is created")
            return
        }
        #expect(record.transitions == 1)
        _ = election.take(.written(version: "2"), at: 102, wall: wall)
        // Silent for longer than the deadline: its own record still stands, yet orders of epoch 1 may be on their way.
        _ = election.begin(at: 113)
        guard case .update(let again, _) = election.take(.found(record, version: "2"), at: 113, wall: wall) else {
            Issue.record("its own record is taken again")
            return
        }
        #expect(again.transitions == 2)
    }

    @Test("A process that was started anew under the same name waits like any other")
    func sameName() {
        var election = LeaseElection(identity: "a")
        let record = LeaseRecord(holder: "a", durationSeconds: 15, acquireTime: wall, renewTime: wall, transitions: 3)
        _ = election.begin(at: 0)
        #expect(election.take(.found(record, version: "1"), at: 0, wall: wall) == nil)
    }

    @Test("Giving back writes an empty holder for one second under the version known; nothing where nothing is held")
    func release() {
        var election = leader()
        guard case .update(let record, version: "1") = election.release(at: 101, wall: wall) else {
            Issue.record("a leader gives back")
            return
        }
        #expect(record.holder.isEmpty && record.durationSeconds == 1 && record.transitions == 0)
        #expect(election.epoch(at: 101) == nil && election.release(at: 101, wall: wall) == nil)
        var late = leader()
        #expect(late.release(at: 115, wall: wall) == nil, "it may be somebody else's by now")
    }

    @Test("Candidates wait the jittered period, the leader the plain one; contradictory times are named")
    func periods() {
        #expect(LeaseElection(identity: "a").pause(at: 0, chance: 0.5) == 3.2)
        #expect(leader().pause(at: 101, chance: 0.5) == 2)
        var timing = LeaseElection.Timing()
        #expect(timing.fault == nil)
        timing.renewDeadline = 15
        #expect(timing.fault != nil)
        timing.renewDeadline = 4.4
        #expect(timing.fault != nil)
    }

    /// A store with compare-and-set, and candidates with clocks that differ, messages that are late or lost, processes
    /// that stand still: seeded steps of 0.1 s.
    @Test("Never do two lead at once, and epochs only rise", arguments: 0..<60 as Range<UInt64>)
    func exclusive(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var stored: (record: LeaseRecord, version: Int)?
        var candidates = (0..<3).map { index in
            Candidate(
                election: LeaseElection(identity: "c\(index)"), offset: Double.random(in: 0...1e6, using: &random))
        }
        var epochs: [UInt64] = []
        for tick in 0..<6_000 {
            let time = Double(tick) / 10
            for index in candidates.indices {
                let chance = Double.random(in: 0..<1, using: &random)
                candidates[index].step(time, chance, &stored, &random)
            }
            let leading = candidates.compactMap { $0.election.epoch(at: time + $0.offset) }
            #expect(leading.count <= 1, "seed \(seed), \(time) s: \(leading)")
            if let epoch = leading.first, epoch != epochs.last { epochs.append(epoch) }
        }
        #expect(epochs == epochs.sorted() && Set(epochs).count == epochs.count, "seed \(seed): \(epochs)")
        #expect(epochs.count > 1, "seed \(seed): leadership changed hands")
    }

    struct Candidate {
        var election: LeaseElection
        let offset: Double
        var next = 0.0
        var stillUntil = 0.0
        /// A request under way: when it reaches the store, and the answer on its way back.
        var request: (LeaseElection.Request, arrives: Double)?
        var answer: (LeaseElection.Answer, arrives: Double)?

        mutating func step(
            _ time: Double, _ chance: Double, _ stored: inout (record: LeaseRecord, version: Int)?,
            _ random: inout SplitMix64
        ) {
            func delay() -> Double { Double.random(in: 0...1, using: &random) < 0.05 ? 30 : chance }
            // The store acts whether the candidate stands still or not.
            if let (sent, arrives) = request, arrives <= time {
                request = nil
                let isLost = Double.random(in: 0..<1, using: &random) < 0.1
                let reply = Self.perform(sent, &stored)
                answer = (isLost ? .failed : reply, time + (isLost ? 3 : chance))
            }
            if chance < 0.001 { stillUntil = time + 25 }
            guard time >= stillUntil else { return }
            let now = time + offset
            let wall = MicroTime(microseconds: Int64(now * 1e6))
            if let (reply, arrives) = answer, arrives <= time {
                answer = nil
                if let more = election.take(reply, at: now, wall: wall) {
                    request = (more, time + delay())
                } else {
                    next = time + election.pause(at: now, chance: chance)
                }
            } else if request == nil, answer == nil, time >= next {
                request = (election.begin(at: now), time + delay())
            }
        }

        static func perform(
            _ request: LeaseElection.Request, _ stored: inout (record: LeaseRecord, version: Int)?
        ) -> LeaseElection.Answer {
            switch request {
            case .read: return stored.map { .found($0.record, version: "\($0.version)") } ?? .absent
            case .create(let record):
                guard stored == nil else { return .failed }
                stored = (record, 1)
            case .update(let record, let version):
                guard let old = stored, "\(old.version)" == version else { return .failed }
                stored = (record, old.version + 1)
            }
            return .written(version: "\(stored?.version ?? 0)")
        }
    }
}

@Suite("MicroTime")
struct MicroTimeTests {
    @Test("Text has six decimals always; what Foundation says of random times is the same")
    func text() throws {
        #expect(MicroTime(microseconds: 0).text == "1970-01-01T00:00:00.000000Z")
        // 2026-11-21T18:00:00Z is 1 795 284 000 s: golden transcript of a real API server.
        #expect(MicroTime(microseconds: 1_795_284_000_000_000).text == "2026-11-21T18:00:00.000000Z")
        #expect(MicroTime("2026-11-21T18:00:00.000000Z")?.microseconds == 1_795_284_000_000_000)
        #expect(MicroTime("2026-11-21T18:00:00Z")?.microseconds == 1_795_284_000_000_000)
        #expect(MicroTime("2026-11-21T18:00:00.123Z")?.microseconds == 1_795_284_000_123_000)
        var random = SplitMix64(seed: 6)
        let formatter = ISO8601DateFormatter()
        for _ in 0..<2_000 {
            let time = MicroTime(
                microseconds: Int64.random(in: -2_000_000_000_000_000...60_000_000_000_000_000, using: &random))
            #expect(MicroTime(time.text) == time && time.text.utf8.count == 27)
            let whole = Date(timeIntervalSince1970: (Double(time.microseconds) / 1e6).rounded(.down))
            #expect(formatter.string(from: whole).dropLast() == time.text.dropLast(8))
        }
    }

    @Test(
        "What is no such time is nil",
        arguments: [
            "", "2026-11-21", "2026-11-21T18:00:00", "2026-11-21T18:00:00+01:00", "2026-13-21T18:00:00Z",
            "2026-11-21T24:00:00Z", "2026-11-21T18:00:00.Z", "2026-11-21 18:00:00Z", "2026-11-21T18:00:00.1234567890Z",
            "2026-1a-21T18:00:00Z", "2026-11-21T18:60:00Z", "2026-11-00T18:00:00Z",
        ])
    func malformed(_ text: String) { #expect(MicroTime(text) == nil) }
}
