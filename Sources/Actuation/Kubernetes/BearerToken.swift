internal import FoundationEssentials
internal import Synchronization

/// A token in a file that somebody else rotates: read again each minute, and at once when the server refuses it.
final class BearerToken: Sendable {
    private let file: String
    private let now: @Sendable () -> Double
    private let state = Mutex<(token: String, readAt: Double)?>(nil)

    init(file: String, now: @escaping @Sendable () -> Double) {
        self.file = file
        self.now = now
    }

    /// The token; the one before stays in use where the file cannot be read for a moment.
    func current(rereading: Bool = false) throws(ActuationFault) -> String {
        let time = now()
        let known = state.withLock { $0 }
        if let known, !rereading, time - known.readAt < 60 { return known.token }
        let text = (try? String(contentsOfFile: file, encoding: .utf8))?.filter { !$0.isWhitespace }
        guard let token = text, !token.isEmpty else {
            guard let known else { throw ActuationFault(.configuration, "no token can be read from \(file)") }
            return known.token
        }
        state.withLock { $0 = (token, time) }
        return token
    }
}
