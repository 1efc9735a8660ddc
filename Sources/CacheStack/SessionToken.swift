/// The highest ticket a session has written or observed: what makes read-your-writes and monotonic reads portable.
///
/// A session moves between processes by handing over its token's text. Tokens of another epoch are refused: history
/// may have gone back, and the writes the token stands for with it.
public struct SessionToken: Sendable, Hashable, CustomStringConvertible {
    /// The epoch in which the ticket was issued; 0 until something was observed.
    public private(set) var epoch: UInt32
    /// The highest ticket written or observed.
    public private(set) var ticket: Ticket

    /// The token of a session that has seen nothing.
    public init() {
        epoch = 0
        ticket = .zero
    }

    /// A token of those two parts.
    public init(epoch: UInt32, ticket: Ticket) {
        self.epoch = epoch
        self.ticket = ticket
    }

    /// Reads `description` back: `<epoch>-<ticket>`, decimal, at most 27 bytes. Nil for anything else.
    public init?(text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2, let epoch = Self.number(parts[0], digits: 10),
            let ticket = Self.number(parts[1], digits: 16),
            let epoch = UInt32(exactly: epoch)
        else { return nil }
        self.init(epoch: epoch, ticket: Ticket(ticket))
    }

    /// The text form, `<epoch>-<ticket>`.
    public var description: String { "\(epoch)-\(ticket.rawValue)" }

    /// Whether the session has seen nothing yet, so that any state will do.
    public var isEmpty: Bool { ticket == .zero }

    /// Raises the token to a ticket the session has seen or written; a newer epoch replaces an older one.
    public mutating func observe(_ ticket: Ticket, epoch: UInt32) {
        if epoch > self.epoch {
            self = SessionToken(epoch: epoch, ticket: ticket)
        } else if epoch == self.epoch {
            self.ticket = max(self.ticket, ticket)
        }
    }

    /// Raises the token to the outcome of a write; other outcomes change nothing.
    public mutating func observe(_ outcome: CommitOutcome) {
        if case .committed(let ticket, _, let epoch) = outcome { observe(ticket, epoch: epoch) }
    }

    // MARK: Between processes

    /// The text that travels between processes, in a header or cookie: `st1-<epoch>-<ticket>-<checksum>`, at most 40
    /// bytes of digits, letters and hyphens; the checksum is CRC32C of what is before its hyphen, 8 hexadecimal digits.
    ///
    /// The checksum finds damage, not forgery: a forged token can cost its holder an error or a read of L3, no more.
    public var travelText: String {
        let body = "st1-\(description)"
        return body + "-" + Self.hexadecimal(CRC32C.checksum(Array(body.utf8).span))
    }

    /// Reads `travelText` back.
    ///
    /// - Throws: `length`, `format`, `version` or `checksum`; a ticket without epoch, which no session has, is
    ///   `format`.
    public init(travelText text: String) throws(SessionTokenError) {
        let bytes = Array(text.utf8)
        guard (16...40).contains(bytes.count) else { throw SessionTokenError(.length, "a token has 16 to 40 bytes") }
        guard bytes.starts(with: "st1-".utf8) else {
            throw SessionTokenError(.version, "the text is no token of this version; begin a new session")
        }
        let body = bytes.dropLast(9)
        guard bytes[bytes.count - 9] == UInt8(ascii: "-"),
            let token = SessionToken(text: String(decoding: body.dropFirst(4), as: UTF8.self)),
            token.epoch > 0 || token.isEmpty, token.description.utf8.elementsEqual(body.dropFirst(4))
        else { throw SessionTokenError(.format, "the token's numbers are not in order; begin a new session") }
        let sum = Self.hexadecimal(CRC32C.checksum(Array(body).span))
        guard bytes.suffix(8).elementsEqual(sum.utf8) else {
            throw SessionTokenError(.checksum, "the token was damaged on its way; begin a new session")
        }
        self = token
    }

    /// The 17 bytes that travel in binary messages: 1, epoch (4), ticket (8), CRC32C of those (4), little endian.
    public var travelBytes: [UInt8] {
        var bytes: [UInt8] = [1]
        for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: epoch >> UInt32(shift))) }
        for shift in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: ticket.rawValue >> UInt64(shift)))
        }
        let sum = CRC32C.checksum(bytes.span)
        for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: sum >> UInt32(shift))) }
        return bytes
    }

    /// Reads `travelBytes` back.
    ///
    /// - Throws: as the text form.
    public init(travelBytes bytes: [UInt8]) throws(SessionTokenError) {
        guard bytes.count == 17 else { throw SessionTokenError(.length, "a token has 17 bytes, not \(bytes.count)") }
        guard bytes[0] == 1 else { throw SessionTokenError(.version, "a token of version \(bytes[0]) is unknown") }
        func number(_ range: Range<Int>) -> UInt64 { bytes[range].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        guard number(13..<17) == UInt64(CRC32C.checksum(Array(bytes[..<13]).span)) else {
            throw SessionTokenError(.checksum, "the token was damaged on its way; begin a new session")
        }
        let token = SessionToken(epoch: UInt32(truncatingIfNeeded: number(1..<5)), ticket: Ticket(number(5..<13)))
        guard token.epoch > 0 || token.isEmpty, token.ticket.rawValue < 10_000_000_000_000_000 else {
            throw SessionTokenError(.format, "the token's numbers are not in order; begin a new session")
        }
        self = token
    }

    private static func hexadecimal(_ word: UInt32) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }

    private static func number(_ text: Substring.UTF8View.SubSequence, digits: Int) -> UInt64? {
        guard (1...digits).contains(text.count), text.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return text.reduce(0) { $0 * 10 + UInt64($1 - 48) }
    }
}

/// Why bytes or text from outside are no session token.
public struct SessionTokenError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of fault.
    public enum Code: String, Sendable, Hashable {
        /// Too short or too long.
        case length
        /// Of another version of the form, or no token at all.
        case version
        /// Numbers that no token has.
        case format
        /// The checksum does not match.
        case checksum
    }

    public let code: Code
    /// What a person can do about it.
    public let message: String

    /// A fault of that code.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }
}
