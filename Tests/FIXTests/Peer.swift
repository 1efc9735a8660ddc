import FIX
import Testing

/// An acceptor ISLD on line with TW44, and a clock.
final class Peer {
    /// 2023-11-14 22:13:20 UTC.
    static let start: Int64 = 1_700_000_000_000_000
    var machine: SessionMachine
    var writer = FrameWriter()
    var now = Peer.start
    var store = InMemoryMessageStore()
    var delivered: [UInt64] = []

    init(
        loggedOn: Bool = true, expected: UInt64 = 1, next: UInt64 = 1,
        configure: (inout SessionConfiguration) -> Void = { _ in }
    ) {
        var configuration = SessionConfiguration(
            role: .acceptor, header: HeaderTemplate(sender: Array("ISLD".utf8), target: Array("TW44".utf8)))
        configure(&configuration)
        machine = SessionMachine(configuration, expected: expected, next: next)
        machine.connected(now: now, into: &writer)
        if loggedOn {
            _ = send("A", expected, "98=0|108=2|")
            writer.removeAll()
        }
    }

    func text(_ offset: Int64 = 0) -> String {
        var writer = FrameWriter()
        writer.begin(.heartbeat, number: 1, header: machine.configuration.header, time: now + offset * 1_000_000)
        writer.finish()
        return writer.withBytes { bytes in
            let text = readable(Array(bytes))
            return String(text.split(separator: "|").first { $0.hasPrefix("52=") }?.dropFirst(3) ?? "")
        }
    }

    /// Sends a message with the usual header and takes what the driver would do: deliver, resend, process the queue.
    @discardableResult
    func send(
        _ type: String, _ number: UInt64, _ body: String = "", header: String = "", sender: String = "TW44",
        target: String = "ISLD", offset: Int64 = 0, version: String = "FIX.4.4"
    ) -> SessionMachine.Verdict {
        receive(
            framed(
                "35=\(type)|34=\(number)|49=\(sender)|52=\(text(offset))|56=\(target)|\(header)\(body)",
                version: version))
    }

    @discardableResult
    func receive(_ frame: [UInt8]) -> SessionMachine.Verdict {
        var fields = FieldIndex()
        guard fields.parse(frame.span) == .parsed else { return .handled }
        let verdict = take(&fields)
        while machine.takeQueued(into: &fields) { _ = take(&fields) }
        return verdict
    }

    private func take(_ fields: inout FieldIndex) -> SessionMachine.Verdict {
        let verdict = machine.received(fields, now: now, into: &writer)
        switch verdict {
        case .deliver: delivered.append(UInt64(fields.int(34) ?? 0))
        case .resend(let range):
            var resender = Resender(range)
            var scratch = FieldIndex()
            while !resender.isFinished {
                resender.step(
                    &store, fields: &scratch, header: machine.configuration.header, now: now, bytesMax: 500,
                    into: &writer)
            }
        default: break
        }
        return verdict
    }

    /// Sends an application message of ours.
    func report(_ id: Int) {
        let number = machine.next
        machine.begin(.executionReport, now: now, into: &writer)
        writer.append(37, Int64(id))
        writer.finish()
        writer.withLastFrame { store.append(number, $0) }
    }

    /// Takes the frames written so far, without 8, 9, 10, 49, 52, 56: those are checked by length and checksum.
    func sent() -> [String] {
        let result = frames(writer).map { frame in
            frame.split(separator: "|").filter { field in
                !["8=FIX", "9=", "10=", "49=", "52=", "56="].contains { field.hasPrefix($0) }
            }.joined(separator: "|")
        }
        writer.removeAll()
        return result
    }
}

/// An order's body that the dictionary accepts.
let orderBody = "11=X|21=1|38=100|40=1|54=1|55=600536|60=20231114-22:13:20|"
