import FIX
import Testing

@Suite("Session rules: fields")
struct DictionaryTests {
    /// Type, body, and what follows `58=` in the Reject.
    static let faultRows: [(String, String, String)] = [
        ("0", "999=x|", "Invalid tag number|371=999|372=0|373=0"),
        ("0", "0=x|", "Invalid tag number|371=0|372=0|373=0"),
        ("0", "-1=x|", "Invalid tag number|371=-1|372=0|373=0"),
        ("0", "5000=x|", "Invalid tag number|371=5000|372=0|373=0"),
        ("0", "55=x|", "Tag not defined for this message type|371=55|372=0|373=2"),
        ("D", "21=1|38=100|40=1|54=1|55=A|60=20231114-22:13:20|", "Required tag missing|371=11|372=D|373=1"),
        ("D", orderBody + "58=|", "Tag specified without a value|371=58|372=D|373=4"),
        (
            "D", "11=X|21=4|38=100|40=1|54=1|55=A|60=20231114-22:13:20|",
            "Value is incorrect (out of range) for this tag|371=21|372=D|373=5"
        ),
        (
            "D", "11=X|21=1|38=100|40=w|54=1|55=A|60=20231114-22:13:20|",
            "Value is incorrect (out of range) for this tag|371=40|372=D|373=5"
        ),
        ("D", orderBody + "167=BOO|", "Value is incorrect (out of range) for this tag|371=167|372=D|373=5"),
        (
            "D", "11=X|21=1|38=+200.00|40=1|54=1|55=A|60=20231114-22:13:20|",
            "Incorrect data format for value|371=38|372=D|373=6"
        ),
        ("D", orderBody + "126=20040415|", "Incorrect data format for value|371=126|372=D|373=6"),
        ("D", orderBody + "44=10.0005|", "Incorrect data format for value|371=44|372=D|373=6"),
        ("D", orderBody + "40=1|", "Tag appears more than once|371=40|372=D|373=13"),
        ("D", orderBody + "386=3|336=A|336=B|", "Incorrect NumInGroup count for repeating group|371=386|372=D|373=16"),
        ("D", orderBody + "386=1|336=A|336=B|", "Incorrect NumInGroup count for repeating group|371=386|372=D|373=16"),
        ("D", orderBody + "453=1|448=A|452=3|447=D|", "Repeating group fields out of order|371=447|372=D|373=15"),
        ("D", orderBody + "453=1|447=D|448=A|", "Repeating group fields out of order|371=447|372=D|373=15"),
        ("D", orderBody + "453=1|448=A|447=D|447=D|", "Tag appears more than once|371=447|372=D|373=13"),
        ("D", orderBody + "453=1|448=A|802=1|", "Incorrect NumInGroup count for repeating group|371=802|372=D|373=16"),
        ("D", orderBody + "336=A|", "Tag not defined for this message type|371=336|372=D|373=2"),
    ]

    @Test(
        "Faults of fields are rejected with the standard's reason and tag",
        arguments: Self.faultRows)
    func faults(type: String, body: String, answer: String) {
        let peer = Peer()
        peer.send(type, 2, body)
        #expect(peer.sent() == ["35=3|34=2|45=2|58=\(answer)"])
        #expect(peer.machine.expected == 3)
        #expect(peer.delivered == [])
    }

    @Test("Missing and empty CompIDs are faults of their own")
    func missingHeader() {
        let peer = Peer()
        peer.receive(framed("35=0|34=2|49=TW44|52=\(peer.text())|"))
        #expect(peer.sent() == ["35=3|34=2|45=2|58=Required tag missing|371=56|372=0|373=1"])
        peer.receive(framed("35=0|34=3|49=TW44|52=\(peer.text())|56=|"))
        #expect(peer.sent() == ["35=3|34=3|45=3|58=Tag specified without a value|371=56|372=0|373=4"])
    }

    @Test("A header field behind the body is rejected; other orders are fine")
    func order() {
        let peer = Peer()
        peer.receive(framed("35=1|49=TW44|52=\(peer.text())|56=ISLD|112=A|34=2|"))
        #expect(peer.sent() == ["35=3|34=2|45=2|58=Tag specified out of required order|371=34|372=1|373=14"])
        peer.receive(
            framed(
                "35=D|56=ISLD|34=3|52=\(peer.text())|49=TW44|60=20231114-22:13:20|55=A|54=1|40=1|38=002000.00|21=3|11=X|"
            ))
        #expect(peer.delivered == [3])
    }

    @Test("Groups with a right count, nested ones and count zero are accepted")
    func groups() {
        let peer = Peer()
        peer.send("D", 2, orderBody + "386=2|336=A|336=B|625=x|454=0|")
        peer.send("D", 3, orderBody + "453=2|448=A|447=D|452=3|802=2|523=x|803=1|523=y|448=B|")
        #expect(peer.delivered == [2, 3])
        #expect(peer.sent() == [])
    }

    @Test("More fields than the limit are rejected, not dropped")
    func tooMany() {
        let peer = Peer()
        peer.send("D", 2, String(repeating: "58=a|", count: 600))
        #expect(peer.sent() == ["35=3|34=2|45=2|58=More than 512 fields|372=D|373=99"])
    }

    @Test("Resend of 10,000 stored messages in pieces gives each once, in order")
    func longResend() {
        let peer = Peer()
        for id in 0..<10_000 { peer.report(id) }
        peer.writer.removeAll()
        peer.send("2", 2, "7=1|16=0|")
        let sent = peer.sent()
        #expect(sent.count == 10_001)
        #expect(sent[0].hasPrefix("35=4|34=1|43=Y"))
        for id in 0..<10_000
        where !(sent[id + 1].hasPrefix("35=8|34=\(id + 2)|43=Y") && sent[id + 1].hasSuffix("|37=\(id)")) {
            Issue.record("message \(id) is \(sent[id + 1])")
            break
        }
    }

    @Test("The store in memory keeps the newest within its limit, what fell out is gap-filled")
    func storeLimit() {
        let peer = Peer()
        peer.store = InMemoryMessageStore(bytesMax: 1_000)
        for id in 0..<100 { peer.report(id) }
        peer.writer.removeAll()
        peer.send("2", 2, "7=1|16=0|")
        let sent = peer.sent()
        // Frames are about 80 bytes: a dozen are left.
        #expect(sent.count == peer.store.count + 1)
        #expect((8...15).contains(peer.store.count))
        #expect(sent[0].hasSuffix("|36=\(102 - peer.store.count)|123=Y"))
    }
}
