public import CacheStack

/// What every L2 must answer: a transcript of the three scripts on one key, measured on Redis 7.0.15.
public enum TierConformance {
    /// Runs the transcript and returns a line for each answer that differs; empty means that the tier conforms.
    ///
    /// - Parameters:
    ///   - key: a key of the test's own; nothing may be stored under it.
    ///   - epoch: the epoch the tier is in; entries are made in it.
    ///   - remove: deletes whatever is stored under the key (DEL), behind the tier's back.
    public static func mismatches(
        of tier: any SharedTier, key: CacheKey, epoch: UInt32, remove: (CacheKey) async throws -> Void
    ) async throws -> [String] {
        var transcript = Transcript(tier: tier, key: key, epoch: epoch)
        await transcript.getNothing("absent")
        let first = await transcript.lease("GETL tokA", floor: 0)
        await transcript.waits("GETL tokB while A holds the lease")
        await transcript.getNothing("a lease is no value")
        await transcript.publish(8)
        await transcript.waits("PUBLISH keeps the loader")
        await transcript.fill("FILL tokA ver 7 below the floor", first, 7, asOf: 7, expect: .stale)
        await transcript.getNothing("a tombstone is no value")
        let third = await transcript.lease("GETL tokC after STALE keeps the floor", floor: 8)
        await transcript.fill("FILL with a token that does not hold the lease", third &+ 1, 8, asOf: 9, expect: .lost)
        await transcript.fill("FILL tokC ver 8", third, 8, asOf: 9, expect: .stored)
        await transcript.get("after FILL", 8, asOf: 9)
        await transcript.hit("GETL on a value", 8)
        await transcript.fill("FILL on a value", third, 9, asOf: 9, expect: .lost)
        await transcript.publish(8, asOf: 12)
        await transcript.get("PUBLISH of the same version with a later certificate renews it", 8, asOf: 12)
        await transcript.publish(8, asOf: 10)
        await transcript.get("PUBLISH of the same version with an older certificate is refused", 8, asOf: 12)
        await transcript.publish(8, asOf: 14, invalidateOnly: true)
        await transcript.get("PUBLISH of the same version without a value is refused", 8, asOf: 12)
        await transcript.publish(10)
        await transcript.get("PUBLISH upgrades a value", 10, asOf: 10)
        await transcript.publish(11, invalidateOnly: true)
        await transcript.getNothing("PUBLISH without a value leaves a tombstone")
        await transcript.publish(10)
        await transcript.publish(12)
        await transcript.getNothing("PUBLISH on a tombstone creates no value")
        _ = await transcript.lease("the tombstone's floor is the highest published", floor: 12)
        try await remove(key)
        await transcript.publish(13)
        await transcript.getNothing("PUBLISH on an absent key creates no value")
        let last = await transcript.lease("PUBLISH on an absent key leaves its floor", floor: 13)
        await transcript.fillAbsent("FILL of an absent row", last, 13, asOf: 20)
        try await remove(key)
        await transcript.getNothing("after DEL")
        return transcript.mismatches
    }
}

/// The calls of the transcript; each notes where the answer differs.
private struct Transcript {
    let tier: any SharedTier
    let key: CacheKey
    let epoch: UInt32
    var mismatches: [String] = []

    private var deadline: ContinuousClock.Instant { .now + .seconds(5) }

    private func entry(_ version: UInt64, _ asOf: UInt64, payload: [UInt8]?) -> CertifiedEntry {
        let certificate = Certificate(
            version: Ticket(version), asOf: Ticket(asOf), asOfTime: 1_767_225_600_123_456, epoch: epoch)
        return CertifiedEntry(key: key, certificate: certificate, payload: payload)
    }

    private func value(_ version: UInt64) -> [UInt8] { Array("value \(version)".utf8) }

    mutating func get(_ step: String, _ version: UInt64, asOf: UInt64) async {
        await expect(step, [.entry(entry(version, asOf, payload: value(version)))]) { [tier, key, deadline] in
            try await tier.get([key], until: deadline)
        }
    }

    mutating func getNothing(_ step: String) async {
        await expect("get, \(step)", [.miss]) { [tier, key, deadline] in try await tier.get([key], until: deadline) }
    }

    mutating func lease(_ step: String, floor: UInt64) async -> UInt64 {
        do {
            let replies = try await tier.lease([key], until: deadline)
            if case .granted(let token, Ticket(floor))? = replies.first { return token }
            mismatches.append("\(step): expected a lease with floor \(floor), got \(replies)")
        } catch {
            mismatches.append("\(step): \(error)")
        }
        return 0
    }

    mutating func waits(_ step: String) async {
        do {
            let replies = try await tier.lease([key], until: deadline)
            if case .wait(let milliseconds)? = replies.first, (1...2_000).contains(milliseconds) { return }
            mismatches.append("\(step): expected to wait at most 2000 ms, got \(replies)")
        } catch {
            mismatches.append("\(step): \(error)")
        }
    }

    mutating func hit(_ step: String, _ version: UInt64) async {
        do {
            let replies = try await tier.lease([key], until: deadline)
            if case .entry(let entry)? = replies.first, entry.certificate.version == Ticket(version) { return }
            mismatches.append("\(step): expected version \(version), got \(replies)")
        } catch {
            mismatches.append("\(step): \(error)")
        }
    }

    mutating func fill(
        _ step: String, _ token: UInt64, _ version: UInt64, asOf: UInt64, expect: FillReply
    ) async {
        let entry = entry(version, asOf, payload: value(version))
        await self.expect(step, [expect]) { [tier, deadline] in
            try await tier.fill([(entry: entry, token: token, lifetime: .seconds(30))], until: deadline)
        }
    }

    mutating func fillAbsent(_ step: String, _ token: UInt64, _ version: UInt64, asOf: UInt64) async {
        let entry = entry(version, asOf, payload: nil)
        await expect(step, [.stored]) { [tier, deadline] in
            try await tier.fill([(entry: entry, token: token, lifetime: .seconds(30))], until: deadline)
        }
        await expect("get, \(step)", [.entry(entry)]) { [tier, key, deadline] in
            try await tier.get([key], until: deadline)
        }
    }

    mutating func publish(_ version: UInt64, asOf: UInt64? = nil, invalidateOnly: Bool = false) async {
        let entry = entry(version, asOf ?? version, payload: invalidateOnly ? nil : value(version))
        do {
            try await tier.publish(
                [(entry: entry, lifetime: .seconds(30), invalidateOnly: invalidateOnly)], until: deadline)
        } catch {
            mismatches.append("PUBLISH \(version): \(error)")
        }
    }

    private mutating func expect<Reply: Equatable>(
        _ step: String, _ expected: [Reply], _ body: () async throws -> [Reply]
    ) async {
        do {
            let replies = try await body()
            if replies != expected { mismatches.append("\(step): expected \(expected), got \(replies)") }
        } catch {
            mismatches.append("\(step): \(error)")
        }
    }
}
