import FIX
import Testing

@Suite("Session rules: logon")
struct LogonTests {
    @Test("A valid Logon is answered with the same 98 and 108")
    func good() {
        let peer = Peer(loggedOn: false)
        #expect(peer.send("A", 1, "98=0|108=30|") == .established(isReset: false))
        #expect(peer.sent() == ["35=A|34=1|98=0|108=30"])
        #expect(peer.machine.expected == 2 && peer.machine.next == 2)
    }

    @Test("What is not a Logon, names wrong CompIDs, another version or a stale time closes without a word")
    func silentCloses() {
        var peer = Peer(loggedOn: false)
        #expect(peer.send("D", 1, orderBody) == .close)
        peer = Peer(loggedOn: false)
        #expect(peer.send("A", 1, "98=0|108=30|", sender: "WRONG") == .close)
        peer = Peer(loggedOn: false)
        #expect(peer.send("A", 1, "98=0|108=30|", target: "WRONG") == .close)
        peer = Peer(loggedOn: false)
        #expect(peer.send("A", 1, "98=0|108=30|", version: "FIX.4.3") == .close)
        peer = Peer(loggedOn: false)
        #expect(peer.send("A", 1, "98=0|108=30|", offset: -121) == .close)
        #expect(peer.sent() == [])
        #expect(peer.machine.expected == 1)
    }

    @Test("A Logon with too high a number is answered, then the gap is asked for")
    func tooHigh() {
        let peer = Peer(loggedOn: false)
        peer.send("A", 5, "98=0|108=30|")
        #expect(peer.sent() == ["35=A|34=1|98=0|108=30", "35=2|34=2|7=1|16=0"])
        #expect(peer.machine.expected == 1)
        peer.send("4", 1, "36=6|123=Y|", header: "43=Y|122=\(peer.text())|")
        #expect(peer.machine.expected == 6)
    }

    @Test("A Logon with too low a number is refused with the reason")
    func tooLow() {
        let peer = Peer(loggedOn: false, expected: 10, next: 20)
        #expect(peer.send("A", 3, "98=0|108=30|") == .close)
        #expect(peer.sent() == ["35=5|34=20|58=MsgSeqNum too low, expecting 10 but received 3"])
    }

    @Test("A Logon with 141=Y resets both numbers, at the start and in mid-session")
    func reset() {
        let peer = Peer(loggedOn: false, expected: 10, next: 20)
        #expect(peer.send("A", 1, "98=0|108=30|141=Y|") == .established(isReset: true))
        #expect(peer.sent() == ["35=A|34=1|98=0|108=30|141=Y"])
        peer.send("0", 2)
        peer.report(1)
        _ = peer.sent()
        #expect(peer.send("A", 1, "98=0|108=30|141=Y|") == .established(isReset: true))
        #expect(peer.sent() == ["35=A|34=1|98=0|108=30|141=Y"])
        #expect(peer.machine.expected == 2 && peer.machine.next == 2)
    }

    @Test("Encryption, a HeartBtInt out of range and missing fields are refused with the reason")
    func refused() {
        for (body, text) in [
            ("98=1|108=30|", "Unsupported EncryptMethod"), ("98=0|108=-1|", "HeartBtInt out of range"),
            ("98=0|108=3601|", "HeartBtInt out of range"), ("98=0|", "Required tag missing"),
            ("98=0|108=x|", "Incorrect data format for value"),
        ] {
            let peer = Peer(loggedOn: false)
            #expect(peer.send("A", 1, body) == .close)
            #expect(peer.sent() == ["35=5|34=1|58=\(text)"])
        }
        let peer = Peer(loggedOn: false)
        #expect(peer.send("A", 1, "98=0|108=3600|") == .established(isReset: false))
    }

    @Test("HeartBtInt 0 means no heartbeats and no test requests")
    func noHeartbeats() {
        let peer = Peer(loggedOn: false)
        peer.send("A", 1, "98=0|108=0|")
        _ = peer.sent()
        peer.now += 3_600_000_000
        #expect(peer.machine.tick(now: peer.now, into: &peer.writer) == .handled)
        #expect(peer.sent() == [])
    }

    @Test("A connection that does not log on is closed at the deadline, not before")
    func deadline() {
        let peer = Peer(loggedOn: false)
        #expect(peer.machine.tick(now: Peer.start + 4_999_999, into: &peer.writer) == .handled)
        #expect(peer.machine.tick(now: Peer.start + 5_000_000, into: &peer.writer) == .close)
        #expect(peer.sent() == [])
    }

    @Test("Two machines log on to each other, exchange and log out")
    func bothSides() {
        let clientSide = HeaderTemplate(sender: Array("TW44".utf8), target: Array("ISLD".utf8))
        var configuration = SessionConfiguration(role: .initiator, header: clientSide)
        configuration.resetsOnLogon = true
        configuration.username = "u"
        configuration.password = "p"
        var client = SessionMachine(configuration, expected: 7, next: 9)
        var out = FrameWriter()
        client.connected(now: Peer.start, into: &out)
        let peer = Peer(loggedOn: false, expected: 3, next: 4)
        func toClient() -> SessionMachine.Verdict {
            let fields = index(peer.writer.withBytes { Array($0) })
            peer.writer.removeAll()
            return client.received(fields, now: Peer.start, into: &out)
        }
        #expect(frames(out)[0].contains("|108=30|141=Y|553=u|554=p|"))
        #expect(peer.receive(out.withBytes { Array($0) }) == .established(isReset: true))
        out.removeAll()
        #expect(toClient() == .established(isReset: true))
        #expect(client.state == .active && client.expected == 2 && client.next == 2)
        client.logout(now: Peer.start, into: &out)
        #expect(peer.receive(out.withBytes { Array($0) }) == .close)
        out.removeAll()
        #expect(toClient() == .close)
        #expect(frames(out) == [])
    }
}
