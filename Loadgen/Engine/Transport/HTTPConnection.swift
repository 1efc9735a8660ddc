/// One connection of an HTTP run: its stream, what is to be sent, and the requests whose replies it waits for, in order.
final class HTTPConnection {
    enum State {
        /// Tries again at that monotonic time; never if it is nil.
        case down(retryAt: UInt64?)
        /// Connecting and shaking hands since that monotonic time.
        case connecting(since: UInt64)
        case up
    }

    let index: Int
    var state = State.down(retryAt: nil)
    var stream: (any ByteStream)?
    var reader: HTTPResponseReader
    var pending = HTTPPipeline()
    /// Bytes of the reply being read so far.
    var replyBytes = 0
    /// Requests, appended whole; the first `written` bytes are with the stream.
    var output: [UInt8] = []
    private var written = 0
    /// Bytes wait to be flushed.
    var isDirty = false
    /// The poller watches for room to write.
    var watchesWriting = false
    /// It is in the transport's list of connections with room.
    var isListed = false
    /// The last attempt to connect failed, and why; empty where it did not.
    var failure = ""
    var hasBeenUp = false
    /// A reply came since it was last made.
    var hasServed = false

    init(index: Int, limits: HTTPResponseReader.Limits) {
        self.index = index
        reader = HTTPResponseReader(limits)
    }

    var isUp: Bool {
        if case .up = state { return true }
        return false
    }

    /// Whether it takes another request, also while it is being made unless the last attempt failed. None goes behind
    /// one that was given up, whose reply may never come.
    func hasRoom(_ window: Int) -> Bool { failure.isEmpty && pending.count < window && pending.givenUp == 0 }

    /// Forgets the half-read and half-written bytes of the stream that ended.
    func clear() {
        clearOutput()
        isDirty = false
        watchesWriting = false
        replyBytes = 0
        reader = HTTPResponseReader(reader.limits)
    }

    func clearOutput() {
        output.removeAll(keepingCapacity: true)
        written = 0
    }

    /// Takes off all pending requests; gives those that somebody waits for.
    func takePending() -> [RequestToken] {
        var tokens: [RequestToken] = []
        while let request = pending.popFirst() {
            if !request.isGivenUp { tokens.append(request.token) }
        }
        return tokens
    }

    var hasUnsentBytes: Bool { written < output.count }

    /// Sends what the stream takes, once it is up; false where it is broken.
    func flush() -> Bool {
        isDirty = false
        guard let stream, isUp else { return true }
        while written < output.count {
            let transfer = unsafe output.withUnsafeBytes { bytes in
                unsafe stream.send(UnsafeRawBufferPointer(rebasing: bytes[written...]))
            }
            switch transfer {
            case .bytes(let count): written += count
            case .wouldBlock: return true
            case .closed, .broken: return false
            }
        }
        output.removeAll(keepingCapacity: true)
        written = 0
        return true
    }
}

/// The requests of one connection that are without a reply, oldest first: replies come in their order.
struct HTTPPipeline {
    /// A request without its reply.
    struct Request {
        var token: RequestToken
        var operation: Int32
        var site: Int32
        /// The engine waits no longer.
        var isGivenUp = false
    }

    private var requests: [Request] = []
    private var head = 0
    /// How many of them are given up.
    private(set) var givenUp = 0

    var count: Int { requests.count - head }
    var first: Request? { head < requests.count ? requests[head] : nil }
    /// Whether there are requests, and nobody waits for any of them.
    var isAllGivenUp: Bool { count > 0 && givenUp == count }

    mutating func append(_ request: Request) { requests.append(request) }

    /// Takes the oldest off.
    mutating func popFirst() -> Request? {
        guard let first else { return nil }
        head += 1
        if first.isGivenUp { givenUp -= 1 }
        if head == requests.count || head > 1_024 {
            requests.removeFirst(head)
            head = 0
        }
        return first
    }

    /// Notes that nobody waits for a request any more; false where it is not here.
    mutating func giveUp(_ token: RequestToken) -> Bool {
        for index in head..<requests.count where requests[index].token == token && !requests[index].isGivenUp {
            requests[index].isGivenUp = true
            givenUp += 1
            return true
        }
        return false
    }
}
