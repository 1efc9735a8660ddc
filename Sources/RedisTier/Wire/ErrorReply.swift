/// What an error reply of Redis means for the command that got it.
package enum ErrorReply: Hashable, Sendable {
    /// The slot lives elsewhere for good.
    case moved(slot: UInt16, RedisAddress)
    /// The slot is being moved, and this key is on its new node already: ask there once, after ASKING.
    case ask(RedisAddress)
    /// The keys of a command are on both sides of a moving slot: the same again in a moment.
    case tryAgain
    /// The node does not know the script (SCRIPT FLUSH, restart, failover).
    case noScript
    /// The node cannot serve now: cluster down, still loading, or a replica that lost its master.
    case unavailable
    /// A write reached a node that has become a replica.
    case readOnly
    /// Redis is at its memory limit and evicts nothing.
    case outOfMemory
    /// The connection has not authenticated, or not any more.
    case unauthenticated
    /// Wrong user or password.
    case wrongPassword
    /// The user may not run that command on that key.
    case notPermitted
    /// Anything else: this tier sends nothing that should get one.
    case other

    /// Parses an error reply; `asked` is the node it came from, whose host counts where the reply names none.
    package init(_ bytes: ArraySlice<UInt8>, from asked: RedisAddress) {
        let words = String(decoding: bytes.prefix(512), as: UTF8.self).split(separator: " ")
        let address = words.count >= 3 ? Self.address(words[2], asked) : nil
        switch words.first {
        case "MOVED":
            guard let slot = UInt16(words.count > 1 ? words[1] : ""), slot < KeySlot.count, let address
            else { self = .other; return }
            self = .moved(slot: slot, address)
        case "ASK":
            guard let address else { self = .other; return }
            self = .ask(address)
        case "TRYAGAIN": self = .tryAgain
        case "NOSCRIPT": self = .noScript
        case "CLUSTERDOWN", "LOADING", "MASTERDOWN", "BUSY": self = .unavailable
        case "READONLY": self = .readOnly
        case "OOM": self = .outOfMemory
        case "NOAUTH": self = .unauthenticated
        case "WRONGPASS": self = .wrongPassword
        case "NOPERM": self = .notPermitted
        default: self = .other
        }
    }

    /// `:7001` and `?:7001` name a port of the host that answered.
    private static func address(_ text: Substring, _ asked: RedisAddress) -> RedisAddress? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2, parts[0].isEmpty || parts[0] == "?" {
            return UInt16(parts[1]).flatMap { $0 > 0 ? RedisAddress(host: asked.host, port: $0) : nil }
        }
        return RedisAddress(String(text))
    }
}
