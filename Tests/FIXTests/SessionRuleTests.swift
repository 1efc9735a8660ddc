import FIX
import Testing

@Suite("Session rules: times, heartbeats, resend, logout")
struct SessionRuleTests {
    @Test("SendingTime 120 s off is good, 121 s is rejected, and the message counts")
    func sendingTime() {
        let peer = Peer()
        #expect(peer.send("D", 2, orderBody, offset: 120) == .deliver)
        #expect(peer.send("D", 3, orderBody, offset: -120) == .deliver)
        for offset: Int64 in [121, -121] {
            let peer = Peer()
            peer.send("D", 2, orderBody, offset: offset)
            #expect(
                peer.sent() == [
                    "35=3|34=2|45=2|58=SendingTime accuracy problem|372=D|373=10", "35=5|34=3",
                ])
            #expect(peer.machine.expected == 3)
            #expect(peer.delivered == [])
        }
    }

    @Test(
        "Wrong CompIDs in mid-session: Reject 9, Logout, and the message counts",
        arguments: [("X", "ISLD"), ("TW44", "X"), ("X", "Y")])
    func compIDs(sender: String, target: String) {
        let peer = Peer()
        peer.send("D", 2, orderBody, sender: sender, target: target)
        #expect(peer.sent() == ["35=3|34=2|45=2|58=CompID problem|372=D|373=9", "35=5|34=3"])
        #expect(peer.machine.expected == 3)
    }

    @Test("Wrong BeginString in mid-session: Logout; closed by the peer's answer or the deadline")
    func beginString() {
        var peer = Peer()
        peer.send("D", 2, orderBody, version: "FIX.4.3")
        #expect(peer.sent() == ["35=5|34=2|58=Incorrect BeginString"])
        #expect(peer.send("5", 2) == .close)
        peer = Peer()
        peer.send("D", 2, orderBody, version: "FIX.4.3")
        #expect(peer.send("D", 2, orderBody) == .handled, "orders are not taken after our Logout")
        #expect(peer.machine.tick(now: peer.now + 1_999_999, into: &peer.writer) == .handled)
        #expect(peer.machine.tick(now: peer.now + 2_000_000, into: &peer.writer) == .close)
        #expect(peer.delivered == [])
    }

    @Test("Heartbeat after HeartBtInt of silence of ours, again and again")
    func heartbeat() {
        let peer = Peer()
        var sent: [String] = []
        for _ in 0..<8 {
            peer.now += 500_000
            peer.send("0", peer.machine.expected)
            _ = peer.machine.tick(now: peer.now, into: &peer.writer)
            sent += peer.sent()
        }
        #expect(sent == ["35=0|34=2", "35=0|34=3"])
    }

    @Test("Silence: TestRequest at 1.2 intervals, closed at 2.4")
    func silence() {
        let peer = Peer()
        let start = peer.now
        var log: [String] = []
        var closedAt: Int64 = 0
        for step in 1...60 {
            peer.now = start + Int64(step) * 100_000
            if peer.machine.tick(now: peer.now, into: &peer.writer) == .close {
                closedAt = peer.now - start
                break
            }
            log += peer.sent().map { "\(step * 100) \($0)" }
        }
        // HeartBtInt 2 s: heartbeat at 2.0, test request at 2.4, heartbeat 2 s after that, closed at 4.8.
        #expect(log == ["2000 35=0|34=2", "2400 35=1|34=3|112=TEST", "4400 35=0|34=4"])
        #expect(closedAt == 4_800_000)
    }

    @Test("A TestRequest is answered with its id")
    func testRequest() {
        let peer = Peer()
        peer.send("1", 2, "112=HELLO|")
        #expect(peer.sent() == ["35=0|34=2|112=HELLO"])
    }

    @Test("Logout is answered, also one with a number too high")
    func logout() {
        var peer = Peer()
        #expect(peer.send("5", 2) == .close)
        #expect(peer.sent() == ["35=5|34=2"])
        peer = Peer()
        #expect(peer.send("5", 9) == .close)
        #expect(peer.sent() == ["35=5|34=2"])
        #expect(peer.machine.expected == 2)
    }

    @Test("A Reject counts and is not answered")
    func reject() {
        let peer = Peer()
        peer.send("3", 2, "45=1|")
        #expect(peer.machine.expected == 3)
        #expect(peer.sent() == [])
    }

    @Test("Resend of admin messages only is one gap fill")
    func resendAdmin() {
        let peer = Peer()
        for number in 2...4 { peer.send("1", UInt64(number), "112=A|") }
        _ = peer.sent()
        peer.send("2", 5, "7=1|16=0|")
        let original = "122=\(peer.text())"
        #expect(peer.sent() == ["35=4|34=1|43=Y|\(original)|36=5|123=Y"])
        #expect(peer.machine.next == 5)
    }

    @Test("Resend of reports keeps their numbers, with runs of admin messages merged")
    func resendMixed() {
        let peer = Peer()
        peer.report(70)
        let first = peer.text()
        peer.now += 1_000_000
        peer.report(71)
        let second = peer.text()
        peer.send("1", 2, "112=A|")
        peer.send("1", 3, "112=B|")
        peer.report(72)
        peer.send("1", 4, "112=C|")
        _ = peer.sent()
        peer.now += 1_000_000
        let now = peer.text()
        peer.send("2", 5, "7=1|16=0|")
        #expect(
            peer.sent() == [
                "35=4|34=1|43=Y|122=\(now)|36=2|123=Y", "35=8|34=2|43=Y|122=\(first)|37=70",
                "35=8|34=3|43=Y|122=\(second)|37=71", "35=4|34=4|43=Y|122=\(now)|36=6|123=Y",
                "35=8|34=6|43=Y|122=\(second)|37=72", "35=4|34=7|43=Y|122=\(now)|36=8|123=Y",
            ])
        #expect(peer.machine.next == 8)
        peer.send("2", 6, "7=2|16=3|")
        #expect(peer.sent().count == 2)
        peer.send("2", 7, "7=100|16=0|")
        #expect(peer.sent() == [])
    }

    @Test("A ResendRequest with too high a number is answered at once: both sides may have a gap")
    func resendBothWays() {
        let peer = Peer()
        peer.report(1)
        _ = peer.sent()
        let verdict = peer.send("2", 8, "7=2|16=0|")
        #expect(verdict == .resend(2...2))
        #expect(peer.sent() == ["35=8|34=2|43=Y|122=\(peer.text())|37=1"])
        #expect(peer.machine.expected == 2)
    }

    @Test("Routing fields are swapped in a Reject, and empty ones are a fault of their own")
    func routing() {
        let peer = Peer()
        peer.send("D", 2, "11=X|", header: "115=A|116=B|128=C|129=D|144=E|145=F|")
        #expect(
            peer.sent() == [
                "35=3|34=2|115=C|116=D|128=A|129=B|144=F|145=E|45=2|58=Required tag missing|371=55|372=D|373=1"
            ])
        peer.send("D", 3, orderBody, header: "115=|")
        #expect(peer.sent() == ["35=3|34=3|45=3|58=Tag specified without a value|371=115|372=D|373=4"])
    }

    @Test("A type that is not served is told apart from one that does not exist")
    func unsupported() {
        let peer = Peer()
        #expect(peer.send("8", 2, "37=1|17=1|150=0|39=0|54=1|151=0|14=0|6=0|55=A|") == .deliver)
        let frame = index(framed("35=8|34=2|49=TW44|52=\(peer.text())|56=ISLD|"))
        peer.machine.rejectBusiness(
            frame, reason: 3, text: "Unsupported Message Type", now: peer.now, into: &peer.writer)
        #expect(peer.sent() == ["35=j|34=2|45=2|58=Unsupported Message Type|372=8|380=3"])
        peer.send("*", 3)
        #expect(peer.sent() == ["35=3|34=3|45=3|58=Invalid MsgType|372=*|373=11"])
        peer.send("ABC", 4)
        #expect(peer.sent() == ["35=3|34=4|45=4|58=Invalid MsgType|372=ABC|373=11"])
        #expect(peer.machine.expected == 5)
    }

    @Test("A bad field in a re-sent order is rejected, and the messages that waited are then answered")
    func rejectOfResent() {
        let peer = Peer()
        peer.send("1", 3, "112=ONE|")
        peer.send("1", 4, "112=TWO|")
        _ = peer.sent()
        peer.send("D", 2, orderBody + "126=20040415|", header: "43=Y|122=\(peer.text())|")
        #expect(
            peer.sent() == [
                "35=3|34=3|45=2|58=Incorrect data format for value|371=126|372=D|373=6", "35=0|34=4|112=ONE",
                "35=0|34=5|112=TWO",
            ])
        #expect(peer.machine.expected == 5)
    }
}
