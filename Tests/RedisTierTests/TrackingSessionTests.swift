import CacheStack
import RedisTier
import Testing

@Suite("Tracking session")
struct TrackingSessionTests {
    private static let start = ContinuousClock.now

    /// What the session does about replies given as RESP text.
    private static func take(
        _ session: inout TrackingSession, _ text: String, at time: Duration = .zero, epoch: UInt32 = 1
    ) throws -> [TrackingSession.Action] {
        let reader = ReplyReader(caps: ReplyReader.Caps(elements: 1_000, bytes: 100_000))
        try Array(text.utf8).withUnsafeBytes { try reader.feed($0) }
        var actions: [TrackingSession.Action] = []
        while try reader.next() { actions += session.take(reader.reply, epoch: epoch, now: start + time) }
        return actions
    }

    private static func words(_ action: TrackingSession.Action?) -> String? {
        guard case .send(let bytes) = action else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").filter {
            !"*$".contains($0.first ?? "*")
        }
        .joined(separator: " ")
    }

    private static func live() throws -> TrackingSession {
        var session = TrackingSession(now: start, deadline: start + .seconds(1), pingInterval: .seconds(1))
        _ = session.start()
        _ = try take(&session, ":4\r\n+OK\r\n")
        #expect(try take(&session, "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n") == [.live])
        return session
    }

    private static func message(_ keys: String...) -> String {
        let names = keys.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        return "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*\(keys.count)\r\n\(names)"
    }

    @Test("The opening is the transcript of broadcast tracking redirected to itself")
    func opening() throws {
        var session = TrackingSession(
            now: Self.start, deadline: Self.start + .seconds(1), pingInterval: .seconds(1))
        #expect(Self.words(session.start()) == "CLIENT ID")
        #expect(
            Self.words(try Self.take(&session, ":4\r\n").first)
                == "CLIENT TRACKING ON REDIRECT 4 BCAST PREFIX st:")
        #expect(Self.words(try Self.take(&session, "+OK\r\n").first) == "SUBSCRIBE __redis__:invalidate")
        #expect(!session.isLive)
        let answer = "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n"
        #expect(try Self.take(&session, answer) == [.live] && session.isLive)
    }

    @Test("Messages name keys; names of other epochs and programs are counted; null means everything")
    func messages() throws {
        var session = try Self.live()
        #expect(
            try Self.take(&session, Self.message("st:1:2:3", "st:1:65535:18446744073709551615"))
                == [.keys([key(3, space: 2), key(.max, space: 65_535)], foreign: 0)])
        for name in [
            "st:2:2:3", "st:1:2", "st:1:2:", "st:1:2:x", "st:1:2:03", "st:1:65536:1", "st:1:2:3:4", "st:", "xx:1:2:3",
            "st:1:2:18446744073709551616", "st:1::3", "st:01:2:3",
        ] {
            #expect(try Self.take(&session, Self.message(name)) == [.keys([], foreign: 1)], "\(name)")
        }
        #expect(try Self.take(&session, Self.message()) == [.keys([], foreign: 0)])
        #expect(
            try Self.take(&session, "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n") == [.flushed])
    }

    @Test("Every name that keys are written under is read back")
    func names() {
        for (space, id) in [(1, 0), (7, 42), (65_535, UInt64.max)] as [(UInt16, UInt64)] {
            let name = Array(key(id, space: space).l2Name(epoch: 4_294_967_295).utf8)
            #expect(CacheKey(l2Name: name[...], epoch: 4_294_967_295) == key(id, space: space))
            #expect(CacheKey(l2Name: name[...], epoch: 1) == nil)
        }
    }

    @Test("Two pings without a sign of life end the link three seconds after its last one; any reply is one")
    func pings() throws {
        var session = try Self.live()
        #expect(session.tick(now: Self.start + .milliseconds(999)) == [])
        #expect(Self.words(session.tick(now: Self.start + .seconds(1)).first) == "PING")
        #expect(try Self.take(&session, "*2\r\n$4\r\npong\r\n$0\r\n\r\n", at: .seconds(1)) == [])
        #expect(Self.words(session.tick(now: Self.start + .seconds(2)).first) == "PING")
        #expect(Self.words(session.tick(now: Self.start + .seconds(3)).first) == "PING")
        _ = try Self.take(&session, Self.message("st:1:2:3"), at: .seconds(3))
        for second in 4...5 { #expect(Self.words(session.tick(now: Self.start + .seconds(second)).first) == "PING") }
        #expect(session.tick(now: Self.start + .seconds(6)) == [.dead("2 pings were not answered")])
    }

    @Test("An opening that is refused, answered wrongly or too late is dead")
    func refusals() throws {
        for text in [
            "-NOPERM no\r\n", "+OK\r\n", ":0\r\n", ":4\r\n-ERR no\r\n", ":4\r\n:1\r\n", ":4\r\n+OK\r\n+OK\r\n",
        ] {
            var session = TrackingSession(
                now: Self.start, deadline: Self.start + .seconds(1), pingInterval: .seconds(1))
            _ = session.start()
            let last = try Self.take(&session, text).last
            guard case .dead = last else {
                Issue.record("\(text) led to \(String(describing: last))")
                continue
            }
        }
        var late = TrackingSession(now: Self.start, deadline: Self.start + .seconds(1), pingInterval: .seconds(1))
        #expect(late.tick(now: Self.start + .seconds(1)) == [.dead("tracking was not agreed to in time")])
        var live = try Self.live()
        let wrong = [
            "+OK\r\n", ":1\r\n", "*0\r\n", "*1\r\n$7\r\nmessage\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$-1\r\n",
        ]
        for text in wrong { #expect(try Self.take(&live, text) == [.dead("an unexpected reply")], "\(text)") }
    }
}
