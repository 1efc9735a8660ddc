/// The three one-key scripts that are the only writers of L2.
///
/// Each touches exactly one key, so they run unchanged in a cluster. Versions are compared as 16 decimal digits,
/// because Lua's numbers are doubles. Safe at any moment: expiry, eviction, DEL, FLUSHALL, late and repeated calls.
package enum Script: UInt8, CaseIterable, Sendable {
    /// Reads a value or takes a lease: token, leaseMs -> {HIT, blob, pttl} | {WAIT, pttl} | {LEASE, floor}.
    case getOrLease
    /// Stores a loaded value under the caller's own lease: token, ver, rest, ttlMs, tombMs -> OK | STALE | LOST.
    case fill
    /// Announces a version: ver, rest, tombMs, ttlMs -> 1 upgraded | 2 renewed (the same version with a later
    /// certificate) | 0 floor or tombstone | -1 refused. It never creates a value: set-if-newer-or-absent leaves a stale
    /// value after an expiry and a late publish.
    case publish

    /// What it is called in metrics.
    package var name: String {
        switch self {
        case .getOrLease: "GETL"
        case .fill: "FILL"
        case .publish: "PUBLISH"
        }
    }

    /// The Lua source.
    package var text: String {
        switch self {
        case .getOrLease: Self.getOrLeaseText
        case .fill: Self.fillText
        case .publish: Self.publishText
        }
    }

    /// The name Redis knows it by: SHA-1 of the text, 40 hexadecimal digits.
    package var digest: [UInt8] { Self.digests[Int(rawValue)] }

    private static let digests: [[UInt8]] = allCases.map { Array(SHA1.hexadecimal($0.text.utf8).utf8) }

    /// SCRIPT LOAD of it, ready to send.
    package var loadCommand: [UInt8] { Self.loadCommands[Int(rawValue)] }

    private static let loadCommands = allCases.map { CommandEncoder.command("SCRIPT", "LOAD", $0.text) }

    private static let getOrLeaseText = """
        local v=redis.call('GET',KEYS[1])
        if not v then
          redis.call('SET',KEYS[1],'L0000000000000000'..ARGV[1],'PX',ARGV[2])
          return {'LEASE','0000000000000000'}
        end
        local k=string.sub(v,1,1)
        if k=='T' then
          local f=string.sub(v,2,17)
          redis.call('SET',KEYS[1],'L'..f..ARGV[1],'PX',ARGV[2])
          return {'LEASE',f}
        end
        if k=='L' then return {'WAIT',redis.call('PTTL',KEYS[1])} end
        return {'HIT',v,redis.call('PTTL',KEYS[1])}
        """

    private static let fillText = """
        local v=redis.call('GET',KEYS[1])
        if not v or string.sub(v,1,1)~='L' or string.sub(v,18)~=ARGV[1] then return 'LOST' end
        local f=string.sub(v,2,17)
        if ARGV[2]<f then
          redis.call('SET',KEYS[1],'T'..f,'PX',ARGV[5])
          return 'STALE'
        end
        redis.call('SET',KEYS[1],'V'..ARGV[2]..ARGV[3],'PX',ARGV[4])
        return 'OK'
        """

    private static let publishText = """
        local v=redis.call('GET',KEYS[1])
        if not v then
          redis.call('SET',KEYS[1],'T'..ARGV[1],'PX',ARGV[3])
          return 0
        end
        local k,cv=string.sub(v,1,1),string.sub(v,2,17)
        if cv==ARGV[1] and k=='V' and ARGV[2]~='' and string.sub(v,18,49)<string.sub(ARGV[2],1,32) then
          redis.call('SET',KEYS[1],'V'..ARGV[1]..ARGV[2],'PX',ARGV[4])
          return 2
        end
        if cv>=ARGV[1] then return -1 end
        if k=='L' then
          redis.call('SET',KEYS[1],'L'..ARGV[1]..string.sub(v,18),'KEEPTTL')
          return 0
        end
        if k=='V' and ARGV[2]~='' then
          redis.call('SET',KEYS[1],'V'..ARGV[1]..ARGV[2],'PX',ARGV[4])
          return 1
        end
        redis.call('SET',KEYS[1],'T'..ARGV[1],'PX',ARGV[3])
        return 0
        """
}
