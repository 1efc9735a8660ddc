internal import CacheStack

/// How the operations look on the wire.
extension RedisTier {
    func appendGet(_ name: KeyName, to list: inout CommandList) {
        list.append(route: route(name)) { $0.append(contentsOf: name.command) }
    }

    /// GETL: token, leaseMs.
    func appendLease(_ name: KeyName, _ token: UInt64, to list: inout CommandList) {
        list.append(route: route(name)) { buffer in
            Self.appendHead(.getOrLease, name, arguments: 2, to: &buffer)
            Self.append(token: token, to: &buffer)
            CommandEncoder.argument(Self.milliseconds(configuration.leaseDuration), to: &buffer)
        }
    }

    /// FILL: token, ver, rest, ttlMs, tombMs.
    func appendFill(
        _ name: KeyName, _ entry: CertifiedEntry, _ token: UInt64, _ lifetime: Duration, to list: inout CommandList
    ) {
        let bytes = EntryFormat.encode(entry, keyHash: name.hash)
        list.append(route: route(name)) { buffer in
            Self.appendHead(.fill, name, arguments: 5, to: &buffer)
            Self.append(token: token, to: &buffer)
            CommandEncoder.argument(bytes[1..<EntryFormat.restOffset], to: &buffer)
            CommandEncoder.argument(bytes[EntryFormat.restOffset...], to: &buffer)
            CommandEncoder.argument(Self.milliseconds(lifetime), to: &buffer)
            CommandEncoder.argument(Self.milliseconds(configuration.tombstoneDuration), to: &buffer)
        }
    }

    /// PUBLISH: ver, rest, tombMs, ttlMs; without a lifetime `rest` is empty, which only raises the floor.
    func appendPublish(_ name: KeyName, _ entry: CertifiedEntry, _ lifetime: Duration?, to list: inout CommandList) {
        let bytes = lifetime == nil ? [] : EntryFormat.encode(entry, keyHash: name.hash)
        list.append(route: route(name)) { buffer in
            Self.appendHead(.publish, name, arguments: 4, to: &buffer)
            CommandEncoder.argument(EntryFormat.digits(entry.certificate.version), to: &buffer)
            CommandEncoder.argument(bytes.dropFirst(EntryFormat.restOffset), to: &buffer)
            CommandEncoder.argument(Self.milliseconds(configuration.tombstoneDuration), to: &buffer)
            CommandEncoder.argument(Self.milliseconds(lifetime ?? .milliseconds(1)), to: &buffer)
        }
    }

    private static let scriptHeads: [[[UInt8]]] = Script.allCases.map { script in
        (0...5).map { arguments in
            var head: [UInt8] = []
            CommandEncoder.head(4 + arguments, to: &head)
            CommandEncoder.argument("EVALSHA".utf8, to: &head)
            CommandEncoder.argument(script.digest, to: &head)
            CommandEncoder.argument(1, to: &head)
            return head
        }
    }

    /// EVALSHA, the digest, one key, the key.
    private static func appendHead(_ script: Script, _ name: KeyName, arguments: Int, to buffer: inout [UInt8]) {
        buffer.append(contentsOf: scriptHeads[Int(script.rawValue)][arguments])
        CommandEncoder.argument(name.bytes, to: &buffer)
    }

    private static func append(token: UInt64, to buffer: inout [UInt8]) {
        buffer.append(contentsOf: [36, 49, 54, 13, 10])  // $16
        CommandEncoder.hexadecimal(token, to: &buffer)
        buffer.append(contentsOf: [13, 10])
    }

    /// Whole milliseconds, at least 1, since Redis refuses 0.
    private static func milliseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        return UInt64(max(1, seconds * 1_000 + attoseconds / 1_000_000_000_000_000))
    }
}
