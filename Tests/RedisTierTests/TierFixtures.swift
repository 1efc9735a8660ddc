import CacheStack
import RedisTier
import Telemetry
import Testing

/// A tier with its metrics and short times, for tests.
struct TestTier {
    let tier: RedisTier
    let metrics = MetricsRegistry()

    init(_ mode: RedisTier.Configuration.Mode, _ change: (inout RedisTier.Configuration) -> Void = { _ in }) {
        var configuration = RedisTier.Configuration(mode)
        configuration.breakerDelay = .milliseconds(50)
        configuration.reconnectDelay = .milliseconds(5)
        configuration.longestDelay = .milliseconds(200)
        configuration.tokenSeed = 7
        change(&configuration)
        tier = RedisTier(configuration, metrics: metrics)
        tier.start()
    }

    /// A ring of one shard.
    init(shard address: RedisAddress, _ change: (inout RedisTier.Configuration) -> Void = { _ in }) {
        self.init(.ring(shards: [RedisTier.Configuration.Shard("a", address)]), change)
    }

    /// The value of a metric line that starts with `prefix`.
    func metric(_ prefix: String) -> Double {
        let line = metrics.text().split(separator: "\n").first { $0.hasPrefix(prefix) }
        return line.flatMap { $0.split(separator: " ").last }.flatMap { Double($0) } ?? 0
    }

    /// The error code that `get` throws, or nil.
    func fault(_ keys: [CacheKey], within duration: Duration = .seconds(5)) async -> TierError.Code? {
        do throws(TierError) {
            _ = try await tier.get(keys, until: .now + duration)
            return nil
        } catch { return error.code }
    }
}

func key(_ id: UInt64, space: UInt16 = 1) -> CacheKey { CacheKey(SpaceID(rawValue: space), id) }

func entry(_ key: CacheKey, version: UInt64, asOf: UInt64? = nil, payload: String? = "value", epoch: UInt32 = 1)
    -> CertifiedEntry
{
    CertifiedEntry(
        key: key,
        certificate: Certificate(
            version: Ticket(version), asOf: Ticket(asOf ?? version), asOfTime: 1_767_225_600_123_456, epoch: epoch),
        payload: payload.map { Array($0.utf8) })
}

/// The bulk reply that holds an entry, as Latin-1.
func bulk(_ entry: CertifiedEntry) -> String {
    let bytes = EntryFormat.encode(entry, keyHash: entry.key.l2Hash(epoch: entry.certificate.epoch))
    var text = "$\(bytes.count)\r\n"
    for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
    return text + "\r\n"
}

/// Polls until `isTrue`; false where ten seconds passed first.
func eventually(_ isTrue: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
        if await isTrue() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return false
}
