import Engine

/// What one reply was read as.
struct HTTPReadReply: Equatable {
    var status: Int
    var body: String
    var keepsAlive: Bool
}

/// Reads replies to requests of given kinds, in pieces.
struct HTTPReplies: Equatable {
    var replies: [HTTPReadReply] = []
    var fault: HTTPFault?
    /// Bytes behind the last reply.
    var rest = 0

    /// - Parameters:
    ///   - cuts: ends of the pieces but the last, ascending.
    ///   - isHead: for each expected reply, whether it answers a HEAD.
    ///   - ends: whether the connection ends behind the bytes.
    init(
        _ bytes: [UInt8], cuts: [Int] = [], isHead: [Bool] = [false], ends: Bool = false,
        limits: HTTPResponseReader.Limits = HTTPResponseReader.Limits()
    ) {
        var reader = HTTPResponseReader(limits)
        var expected = isHead[...]
        var start = 0
        for end in cuts + [bytes.count] {
            let piece = Array(bytes[start..<end])
            start = end
            var position = 0
            while position < piece.count, fault == nil {
                if reader.isDone {
                    guard let isHead = expected.popFirst() else {
                        rest += piece.count - position
                        break
                    }
                    reader.begin(isHead: isHead, keepsBody: true)
                }
                note(reader.read(piece.span, at: &position), reader)
            }
        }
        if ends, !reader.isDone { note(reader.end(), reader) }
    }

    init(_ text: String, isHead: [Bool] = [false], ends: Bool = false, limits: HTTPResponseReader.Limits? = nil) {
        self.init(Array(text.utf8), isHead: isHead, ends: ends, limits: limits ?? HTTPResponseReader.Limits())
    }

    private mutating func note(_ progress: HTTPResponseReader.Progress, _ reader: HTTPResponseReader) {
        switch progress {
        case .more: break
        case .done:
            let body = String(decoding: reader.body, as: UTF8.self)
            replies.append(HTTPReadReply(status: reader.status, body: body, keepsAlive: reader.keepsAlive))
        case .failed(let found): fault = found
        }
    }
}
