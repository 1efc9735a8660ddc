import CacheStack
import RedisTier
import TestData

/// Bytes under rows' keys that no process of ours would put there.
///
/// All of it is detectable by an entry's own checks. A forged entry with a right checksum is not: whoever can write
/// that into L2 is not a fault but an attacker.
struct Poison {
    private let servers: Servers

    init(_ servers: Servers) { self.servers = servers }

    /// Puts 20 of them there; how many a client had thrown out half a second later.
    func run(_ random: inout SplitMix64) async -> Int {
        let epoch = servers.epoch
        var planted: [(port: UInt16, name: String, reply: String)] = []
        for _ in 0..<20 {
            let key = Self.row(&random)
            let name = key.l2Name(epoch: epoch)
            let bytes = Self.bytes(key, epoch, &random)
            // The masters that do not own the slot answer MOVED.
            for port in servers.ports {
                let words = [
                    Array("SET".utf8), Array(name.utf8), bytes, Array("PX".utf8), Array("5000".utf8),
                ]
                guard RedisCommand.send(port, words)?.hasPrefix("+OK") == true else { continue }
                let reply = Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
                planted.append((port, name, String(decoding: reply, as: UTF8.self)))
                break
            }
        }
        await Task.detached { try? await Task.sleep(for: .milliseconds(500)) }.value
        return planted.count { port, name, reply in
            let now = RedisCommand.send(port, "GET", name)
            return now?.hasPrefix("$") == true && now != reply
        }
    }

    static func row(_ random: inout SplitMix64) -> CacheKey {
        Bool.random(using: &random)
            ? CacheKey(Bank.accounts, UInt64.random(in: 0..<Bank.accountCount, using: &random))
            : CacheKey(Bank.registers, UInt64.random(in: 0..<Bank.registerCount, using: &random))
    }

    private static func bytes(_ key: CacheKey, _ current: UInt32, _ random: inout SplitMix64)
        -> [UInt8]
    {
        let payload = Bank.payload(key, balance: 7, attempt: 1)
        func entry(_ version: UInt64, epoch: UInt32, of owner: CacheKey) -> [UInt8] {
            let certificate = Certificate(
                version: Ticket(version), asOf: Ticket(version + 1), asOfTime: 1_900_000_000_000_000,
                epoch: epoch)
            return EntryFormat.encode(
                CertifiedEntry(key: owner, certificate: certificate, payload: payload),
                keyHash: owner.l2Hash(epoch: epoch))
        }
        let other = CacheKey(key.space, key.id + 1)
        var right = entry(5, epoch: current, of: key)
        switch Int.random(in: 0..<7, using: &random) {
        case 0:
            return (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
        case 1:
            right[Int.random(in: 1..<right.count, using: &random)] ^= UInt8.random(
                in: 1...255, using: &random)
            return right
        case 2: return Array(right.prefix(Int.random(in: 0..<right.count, using: &random)))
        case 3: return entry(5, epoch: current, of: other)
        case 4: return entry(9_000_000_000_000_000, epoch: current, of: key)
        case 5: return entry(5, epoch: current + 9, of: key)
        // Markers that no script wrote: a lease nobody has, and a tombstone with a floor far in the future.
        default:
            return Array(
                (Bool.random(using: &random) ? "L0000000000000000nobody" : "T0009999999999999").utf8)
        }
    }
}

/// The slot of a row moves from its master to another, as an operator's resharding does it.
struct SlotMove {
    private let servers: Servers
    private let masters: [Int]

    init(_ servers: Servers, _ masters: [Int]) {
        self.servers = servers
        self.masters = masters
    }

    /// The slots that no master claims; a failover in the middle of a move can leave one.
    static func orphans(_ servers: Servers) -> [Int] {
        var isOwned = [Bool](repeating: false, count: KeySlot.count)
        for port in servers.ports {
            let nodes = RedisCommand.send(port, "CLUSTER", "NODES") ?? ""
            guard let own = nodes.split(separator: "\n").first(where: { $0.contains("myself,master") })
            else {
                continue
            }
            for word in own.split(separator: " ").dropFirst(8) {
                let ends = word.split(separator: "-").compactMap { Int($0) }
                guard let first = ends.first, let last = ends.last, first <= last, last < KeySlot.count
                else {
                    continue
                }
                for slot in first...last { isOwned[slot] = true }
            }
        }
        return isOwned.indices.filter { !isOwned[$0] }
    }

    /// Gives slots that nobody claims to a master, as `redis-cli --cluster fix` does; without it the cluster serves
    /// none.
    static func mend(_ servers: Servers) {
        let masters = servers.masterIndices
        guard masters.count == Servers.masters, let owner = masters.first,
            let id = RedisCommand.send(servers.ports[owner], "CLUSTER", "MYID").flatMap(Servers.bulk)
        else { return }
        // More than a few are a master's that is being replaced: that heals by itself.
        for slot in orphans(servers).prefix(16) {
            for master in masters {
                RedisCommand.send(servers.ports[master], "CLUSTER", "SETSLOT", "\(slot)", "NODE", id)
            }
        }
    }

    /// Moves one slot; how many keys moved along.
    func run(_ random: inout SplitMix64) async throws -> Int {
        Self.mend(servers)
        let slot = "\(KeySlot.of(Array(Poison.row(&random).l2Name(epoch: servers.epoch).utf8)[...]))"
        guard let source = masters.first(where: { owns($0, slot) }),
            let target = masters.filter({ $0 != source }).randomElement(using: &random),
            let sourceID = id(source), let targetID = id(target)
        else { throw BenchError("nobody owns slot \(slot), or there is no other master") }
        let (from, to) = (servers.ports[source], servers.ports[target])
        RedisCommand.send(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", sourceID)
        RedisCommand.send(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", targetID)
        await Task.detached { try? await Task.sleep(for: .milliseconds(50)) }.value
        var moved = 0
        for _ in 0..<20 {
            let reply = RedisCommand.send(from, "CLUSTER", "GETKEYSINSLOT", slot, "100") ?? "*0"
            let names = reply.split(separator: "\r\n").filter { $0.hasPrefix("st:") }.map(String.init)
            if names.isEmpty { break }
            for name in names {
                let reply = RedisCommand.send(
                    from, "MIGRATE", "127.0.0.1", "\(to)", name, "0", "1000", "REPLACE")
                if reply?.hasPrefix("+OK") == true { moved += 1 }
            }
        }
        for port in [to, from]
            + masters.filter({ $0 != source && $0 != target }).map({ servers.ports[$0] })
        {
            RedisCommand.send(port, "CLUSTER", "SETSLOT", slot, "NODE", targetID)
        }
        return moved
    }

    private func id(_ index: Int) -> String? {
        RedisCommand.send(servers.ports[index], "CLUSTER", "MYID").flatMap(Servers.bulk)
    }

    /// Whether a node answers for a slot itself: COUNTKEYSINSLOT does not tell, a redirect does.
    private func owns(_ index: Int, _ slot: String) -> Bool {
        let nodes = RedisCommand.send(servers.ports[index], "CLUSTER", "NODES") ?? ""
        // Not by its name at the line's beginning: the first line follows the reply's header.
        guard let line = nodes.split(separator: "\n").first(where: { $0.contains("myself,master") }),
            let slot = Int(slot)
        else { return false }
        return line.split(separator: " ").dropFirst(8).contains { word in
            let ends = word.split(separator: "-").compactMap { Int($0) }
            return ends.count == 2 ? (ends[0]...ends[1]).contains(slot) : ends == [slot]
        }
    }
}
