import CacheStack
import Glibc

/// A session on its way between processes: its number and its token's text in a file, which has one taker.
struct SessionFile {
    let path: String

    init(directory: String, slot: Int) { path = "\(directory)/session-\(slot)" }

    /// Takes the session if it is there; nobody else can then.
    func take(_ incarnation: Int) -> (session: Int32, token: SessionToken)? {
        let own = "\(path).\(incarnation)"
        guard rename(path, own) == 0 else { return nil }
        defer { unlink(own) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let file = open(own, O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        let count = read(file, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let words = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
        guard words.count == 2, let session = Int32(words[0]),
            let token = try? SessionToken(travelText: String(words[1]))
        else {
            return nil
        }
        return (session, token)
    }

    /// Puts the session there for the next process.
    func put(_ session: Int32, _ token: SessionToken, _ incarnation: Int) {
        let own = "\(path).\(incarnation).new"
        let text = Array("\(session) \(token.travelText)".utf8)
        let file = open(own, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { return }
        let isWritten = write(file, text, text.count) == text.count
        close(file)
        if isWritten { rename(own, path) } else { unlink(own) }
    }
}
