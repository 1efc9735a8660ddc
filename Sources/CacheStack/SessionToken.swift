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

    private static func number(_ text: Substring.UTF8View.SubSequence, digits: Int) -> UInt64? {
        guard (1...digits).contains(text.count), text.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return text.reduce(0) { $0 * 10 + UInt64($1 - 48) }
    }
}
