import FIX
import Testing

@Suite("TraceParent (20001)")
struct TraceParentTests {
    static let parent = "20001=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01|"

    @Test("It is taken on D, F, G and H, anywhere in the body, and found")
    func taken() {
        let peer = Peer()
        peer.send("D", 2, orderBody + Self.parent)
        peer.send("D", 3, Self.parent + orderBody)
        let target = "11=Y|41=X|38=100|54=1|55=A|60=20231114-22:13:20|"
        peer.send("F", 4, target + Self.parent)
        peer.send("G", 5, target + "40=1|" + Self.parent)
        peer.send("H", 6, "11=X|54=1|55=A|" + Self.parent)
        #expect(peer.delivered == [2, 3, 4, 5, 6])
        #expect(peer.sent() == [])
        let frame = framed("35=D|34=2|" + orderBody + Self.parent)
        read(frame) { fields in
            let found = (fields.find(Tag.traceParent), fields.count, fields.find(20_002), fields.repeatedTag)
            let text = fields.string(Tag.traceParent)
            #expect(text?.utf8.count == 55)
            #expect(found.0 == found.1 - 2)
            #expect(found.2 == nil && found.3 == 0)
        }
    }

    @Test("An index that is used again forgets it")
    func forgotten() {
        var fields = FieldIndex()
        _ = fields.parse(framed("35=D|" + orderBody + Self.parent).span)
        let isThere = fields.contains(Tag.traceParent)
        #expect(isThere)
        _ = fields.parse(framed("35=D|" + orderBody).span)
        let isStillThere = fields.contains(Tag.traceParent)
        #expect(!isStillThere)
    }

    @Test(
        "Elsewhere, twice or without a value it is a fault; other user-defined tags stay unknown",
        arguments: [
            ("0", "20001=x|", "Tag not defined for this message type|371=20001|372=0|373=2"),
            ("D", orderBody + parent + parent, "Tag appears more than once|371=20001|372=D|373=13"),
            ("D", orderBody + "20001=|", "Tag specified without a value|371=20001|372=D|373=4"),
            ("D", orderBody + "20000=x|", "Invalid tag number|371=20000|372=D|373=0"),
            ("D", orderBody + "20002=x|", "Invalid tag number|371=20002|372=D|373=0"),
        ])
    func faults(type: String, body: String, answer: String) {
        let peer = Peer()
        peer.send(type, 2, body)
        #expect(peer.sent() == ["35=3|34=2|45=2|58=\(answer)"])
        #expect(peer.delivered == [])
    }

    @Test("An unreadable value is not the session's business: the order is delivered")
    func unreadable() {
        let peer = Peer()
        peer.send("D", 2, orderBody + "20001=nonsense|")
        #expect(peer.delivered == [2])
    }
}
