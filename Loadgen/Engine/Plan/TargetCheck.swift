internal import Glibc

extension TargetPlan {
    /// The most connections of one run.
    public static let connectionsMax = 20_000
    /// The greatest in-flight cap.
    public static let maxInFlightMax = 200_000

    func validate() throws(LoadError) {
        try require((1...Self.connectionsMax).contains(connections), "connections: 1 to \(Self.connectionsMax)")
        try require((1...65_536).contains(window), "pipeline: 1 to 65,536")
        try require((1...Self.maxInFlightMax).contains(maxInFlight), "max_in_flight: 1 to \(Self.maxInFlightMax)")
        try require((1_000_000...600_000_000_000).contains(timeoutNanoseconds), "timeout: 1ms to 600s")
        switch transport {
        case .fix(let fix): try fix.validate()
        case .http(let http): try http.validate()
        case .inProcess: return
        }
        let descriptors = Self.descriptorsMax
        try require(
            connections + 64 <= descriptors,
            "connections: \(connections) need more than the \(descriptors) open files this process may have")
    }

    /// Open files this process may have (hard limit of RLIMIT_NOFILE).
    static var descriptorsMax: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        return Int(clamping: limit.rlim_max)
    }

    /// Raises the soft limit of open files to what `connections` need.
    func raiseDescriptorLimit() {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        let wanted = rlim_t(connections + 64)
        guard limit.rlim_cur < wanted, wanted <= limit.rlim_max else { return }
        limit.rlim_cur = wanted
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

extension FIXTarget {
    /// The greatest number of open orders that one session remembers.
    public static let openOrdersMax = 1_024

    func validate() throws(LoadError) {
        func isPrintable(_ text: String, _ lengthMax: Int) -> Bool {
            (1...lengthMax).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        }
        try require(
            (1...Self.openOrdersMax).contains(openOrdersPerSession), "open orders: 1 to \(Self.openOrdersMax)")
        try require(isPrintable(senderPrefix, 20), "sender prefix: 1 to 20 printable characters")
        try require((1...1 << 20).contains(sessionFirst), "first session: 1 to 2^20")
        try require(isPrintable(targetCompID, 24), "target CompID: 1 to 24 printable characters")
        try require((username + password).utf8.allSatisfy { $0 >= 0x20 }, "user name and password: no control codes")
        try require((0...3_600).contains(heartbeatSeconds), "heartbeat: 0 to 3600 s")
    }
}

extension HTTPTarget {
    func validate() throws(LoadError) {
        try require((1...1 << 30).contains(replyMax), "greatest reply: 1 byte to 1 GiB")
        let texts = [host] + headers.flatMap { [$0.name, $0.value] }
        try require(texts.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }, "headers: no control codes")
        try require(headers.allSatisfy { !$0.name.isEmpty && !$0.name.utf8.contains(0x3A) }, "headers: a name each")
    }
}
