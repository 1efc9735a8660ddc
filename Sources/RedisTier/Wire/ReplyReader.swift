internal import CHiredis

/// hiredis' reply parser with caps, over bytes that somebody else received.
///
/// hiredis 0.14.1 has no limits of its own: `*2147483647\r\n` made it allocate 16 GiB, and a bulk length of any size
/// was waited for. Here it gets object functions that build a `ReplyStore` and refuse elements and bytes above the
/// caps, it is fed in slices, and the bytes it holds unparsed are counted. Every error is final: the reader, and the
/// connection it belongs to, must not be used again. Confined to one thread.
package final class ReplyReader {
    /// What was wrong with the bytes received; the message is safe to log.
    package struct Violation: Error, Hashable {
        package let message: String
    }

    /// How much one reply may hold.
    package struct Caps: Sendable, Hashable {
        /// Elements of one array.
        package var elements: Int
        /// Bytes and nodes of one whole reply, and bytes received of a reply that is not complete.
        package var bytes: Int

        /// Caps of those sizes.
        package init(elements: Int, bytes: Int) {
            precondition(elements > 0 && bytes > 0, "caps are positive")
            self.elements = elements
            self.bytes = bytes
        }
    }

    /// The reply that `next()` completed; valid until the next call.
    package fileprivate(set) var reply = ReplyStore()

    private let caps: Caps
    private let reader: UnsafeMutablePointer<redisReader>
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private var isAfterReply = false
    private var isOverCap = false

    /// A reader at the start of a stream.
    package init(caps: Caps) {
        self.caps = caps
        functions = .allocate(capacity: 1)
        functions.initialize(to: ReplyReader.objectFunctions)
        guard let reader = redisReaderCreateWithFunctions(functions) else {
            preconditionFailure("out of memory")
        }
        self.reader = reader
        reader.pointee.privdata = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        redisReaderFree(reader)
        functions.deallocate()
    }

    /// Hands over received bytes; follow with `next()` until it is false. Slices of a few KiB are the cheapest, since
    /// hiredis moves what it has not parsed once per KiB parsed.
    package func feed(_ bytes: UnsafeRawBufferPointer) throws(Violation) {
        guard !bytes.isEmpty else { return }
        guard Int(reader.pointee.len) - Int(reader.pointee.pos) + bytes.count <= caps.bytes else {
            throw Violation(message: "a reply is longer than \(caps.bytes) bytes")
        }
        let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        guard redisReaderFeed(reader, base, bytes.count) == REDIS_OK else { throw violation() }
    }

    /// Whether there was another complete reply; it is in `reply` then.
    package func next() throws(Violation) -> Bool {
        if isAfterReply {
            reply.clear()
            isAfterReply = false
        }
        var object: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &object) == REDIS_OK else { throw violation() }
        isAfterReply = object != nil
        return isAfterReply
    }

    /// Whether it holds no part of a reply: the next byte begins one.
    var isIdle: Bool { reader.pointee.len == reader.pointee.pos && reader.pointee.ridx == -1 }

    private func violation() -> Violation {
        if isOverCap {
            return Violation(message: "a reply has more than \(caps.elements) elements or \(caps.bytes) bytes")
        }
        let text = withUnsafeBytes(of: reader.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return Violation(message: "not RESP: \(text)")
    }

    /// hiredis wants a non-null object per value; nothing is ever read through it.
    private var mark: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    private var size: Int { reply.bytes.count + reply.nodes.count * MemoryLayout<ReplyStore.Node>.stride }

    private func addText(_ kind: ReplyStore.Kind, _ bytes: UnsafeBufferPointer<UInt8>) -> UnsafeMutableRawPointer? {
        guard size + bytes.count <= caps.bytes else { return refuse() }
        reply.append(kind, bytes: bytes)
        return mark
    }

    private func add(_ kind: ReplyStore.Kind, count: Int32 = 0, value: Int64 = 0) -> UnsafeMutableRawPointer? {
        guard size < caps.bytes else { return refuse() }
        reply.append(kind, count: count, value: value)
        return mark
    }

    private func addArray(_ count: Int32) -> UnsafeMutableRawPointer? {
        guard count >= 0, Int(count) <= caps.elements else { return refuse() }
        return add(.array, count: count)
    }

    private func refuse() -> UnsafeMutableRawPointer? {
        isOverCap = true
        return nil
    }

    private static func of(_ task: UnsafePointer<redisReadTask>?) -> ReplyReader? {
        task?.pointee.privdata.map { Unmanaged<ReplyReader>.fromOpaque($0).takeUnretainedValue() }
    }

    private static let objectFunctions = redisReplyObjectFunctions(
        createString: { task, text, count in
            guard let task, let reader = ReplyReader.of(task) else { return nil }
            let bytes = UnsafeBufferPointer(
                start: text.map { UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self) }, count: count)
            switch task.pointee.type {
            case REDIS_REPLY_ERROR: return reader.addText(.error, bytes)
            case REDIS_REPLY_STATUS: return reader.addText(.status, bytes)
            default: return reader.addText(.bulk, bytes)
            }
        },
        createArray: { task, count in ReplyReader.of(task)?.addArray(count) },
        createInteger: { task, value in ReplyReader.of(task)?.add(.integer, value: value) },
        createNil: { task in ReplyReader.of(task)?.add(.null) },
        freeObject: { _ in })
}
