import FIX
import Testing

@Suite("Session rules: numbers")
struct SequenceTests {
    @Test("Messages in order are delivered once each")
    func inOrder() {
        let peer = Peer()
        for number in 2...10 { #expect(peer.send("D", UInt64(number), orderBody) == .deliver) }
        #expect(peer.delivered == Array(2...10))
        #expect(peer.sent() == [])
    }

    @Test("A gap is asked for once, early messages wait and are delivered in order")
    func gap() {
        let peer = Peer()
        peer.send("D", 5, orderBody)
        peer.send("D", 6, orderBody)
        #expect(peer.sent() == ["35=2|34=2|7=2|16=0"])
        #expect(peer.delivered == [])
        let old = "43=Y|122=\(peer.text())|"
        for number in 2...4 { peer.send("D", UInt64(number), orderBody, header: old) }
        #expect(peer.delivered == [2, 3, 4, 5, 6])
        // The resend repeats 5 and 6: known already.
        peer.send("D", 5, orderBody, header: old)
        peer.send("D", 7, orderBody)
        #expect(peer.delivered == [2, 3, 4, 5, 6, 7])
        #expect(peer.sent() == [])
        // A new gap is asked for anew.
        peer.send("0", 9)
        #expect(peer.sent() == ["35=2|34=3|7=8|16=0"])
    }

    @Test("A hole in the resend is asked for again, and so is a gap that stays open")
    func holes() {
        let peer = Peer()
        peer.send("D", 6, orderBody)
        _ = peer.sent()
        let old = "43=Y|122=\(peer.text())|"
        peer.send("D", 2, orderBody, header: old)
        peer.send("D", 4, orderBody, header: old)
        #expect(peer.sent() == ["35=2|34=3|7=3|16=0"])
        peer.now += 10_000_000
        peer.send("D", 7, orderBody)
        #expect(peer.sent() == ["35=2|34=4|7=3|16=0"])
    }

    @Test("As many early messages are kept as the limit says")
    func queueLimit() {
        var peer = Peer { $0.queuedMessagesMax = 3 }
        for number in 10...13 { peer.send("D", UInt64(number), orderBody) }
        #expect(peer.machine.queued == 3)
        let length = framed("35=D|34=10|49=TW44|52=\(peer.text())|56=ISLD|\(orderBody)").count
        for (bytes, kept) in [(2 * length, 2), (2 * length - 1, 1)] {
            peer = Peer { $0.queuedBytesMax = bytes }
            for number in 10...13 { peer.send("D", UInt64(number), orderBody) }
            #expect(peer.machine.queued == kept)
        }
    }

    @Test("Too low without PossDup: Logout with the numbers, close")
    func tooLow() {
        let peer = Peer()
        peer.send("D", 2, orderBody)
        #expect(peer.send("D", 1, orderBody) == .close)
        #expect(peer.sent() == ["35=5|34=2|58=MsgSeqNum too low, expecting 3 but received 1"])
        #expect(peer.delivered == [2])
    }

    @Test("PossDup: already seen is ignored, not yet seen is processed")
    func possDup() {
        let peer = Peer()
        let old = "43=Y|122=\(peer.text())|"
        peer.send("D", 2, orderBody, header: old)
        peer.send("D", 2, orderBody, header: old)
        #expect(peer.delivered == [2])
        #expect(peer.sent() == [])
    }

    @Test("PossDup without 122 is rejected and does not move the number")
    func possDupWithoutOriginal() {
        let peer = Peer()
        peer.send("D", 2, orderBody, header: "43=Y|")
        #expect(peer.sent() == ["35=3|34=2|45=2|58=Required tag missing|371=122|372=D|373=1"])
        #expect(peer.machine.expected == 2)
    }

    @Test("PossDup with 122 later than 52 is rejected, then Logout")
    func possDupFromTheFuture() {
        let peer = Peer()
        peer.send("D", 2, orderBody, header: "43=Y|122=\(peer.text(10))|")
        #expect(
            peer.sent() == [
                "35=3|34=2|45=2|58=SendingTime accuracy problem|372=D|373=10", "35=5|34=3",
            ])
    }

    @Test("A message without a number ends the session")
    func noNumber() {
        let peer = Peer()
        let verdict = peer.receive(framed("35=0|49=TW44|52=\(peer.text())|56=ISLD|"))
        #expect(verdict == .close)
        #expect(peer.sent() == ["35=5|34=2|58=MsgSeqNum missing or unreadable"])
    }

    @Test("Gap fill: equal, greater and less, with and without PossDup")
    func gapFill() {
        let peer = Peer()
        peer.send("4", 2, "36=20|123=Y|")
        #expect(peer.machine.expected == 20)
        peer.send("4", 30, "36=40|123=Y|")
        #expect(peer.sent() == ["35=2|34=2|7=20|16=0"])
        peer.send("4", 5, "36=50|123=Y|", header: "43=Y|122=\(peer.text())|")
        #expect(peer.machine.expected == 20)
        #expect(peer.send("4", 5, "36=50|123=Y|") == .close)
        #expect(peer.sent() == ["35=5|34=3|58=MsgSeqNum too low, expecting 20 but received 5"])
    }

    @Test("Reset without gap fill: its own number is ignored; less is rejected")
    func sequenceReset() {
        let peer = Peer()
        peer.send("4", 0, "36=10|")
        #expect(peer.machine.expected == 10)
        peer.send("4", 99, "36=10|123=N|")
        #expect(peer.machine.expected == 10)
        peer.send("4", 0, "36=5|123=N|")
        #expect(
            peer.sent() == [
                "35=3|34=2|45=0|58=Value is incorrect (out of range) for this tag|372=4|373=5"
            ])
        #expect(peer.machine.expected == 10)
    }

    @Test("A gap fill over kept messages drops them")
    func gapFillOverQueue() {
        let peer = Peer()
        peer.send("D", 4, orderBody)
        peer.send("D", 6, orderBody)
        peer.send("4", 2, "36=6|123=Y|", header: "43=Y|122=\(peer.text())|")
        #expect(peer.delivered == [6])
        #expect(peer.machine.queued == 0)
    }
}
