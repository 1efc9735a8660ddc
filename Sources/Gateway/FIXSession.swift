internal import FIX
internal import Market
internal import NIOCore

/// One counterparty: its state machine, its numbers and messages, and the connection it is on line with, if any.
///
/// It outlives connections: reports for a counterparty that is away get their numbers and are kept for resending.
/// Owned by the gateway's event loop.
final class FIXSession {
    let id: SessionID
    let compID: String
    var machine: SessionMachine
    /// Frames not yet given to the connection.
    var writer = FrameWriter()
    var connection: FIXConnection?
    /// A resend that is under way; new frames wait in `writer` until it is through.
    var resender: Resender?
    var isDirty = false

    private let file: FileMessageStore?
    private var memory: InMemoryMessageStore

    init(_ definition: SessionDefinition, _ configuration: GatewayConfiguration) throws(GatewayError) {
        id = definition.id
        compID = definition.compID
        var session = SessionConfiguration(
            role: .acceptor,
            header: HeaderTemplate(sender: Array(configuration.compID.utf8), target: Array(definition.compID.utf8)))
        session.sendingTimeTolerance = configuration.sendingTimeTolerance
        if let directory = configuration.directory {
            file = try FileMessageStore(
                directory: directory, name: "session-\(definition.id)", day: configuration.day,
                bytesMax: configuration.messageLogBytesMax, lengthMax: configuration.messageLengthMax)
        } else {
            file = nil
        }
        memory = InMemoryMessageStore(bytesMax: min(configuration.messageLogBytesMax, 64 << 20))
        machine = SessionMachine(session, expected: file?.expected ?? 1, next: file?.next ?? 1)
    }

    /// Writes of kept messages that failed.
    var failedWrites: Int { file?.failedWrites ?? 0 }

    /// Keeps the application message that was just finished in `writer`.
    func keepLastFrame(_ number: UInt64) {
        unsafe writer.withLastFrame { frame in
            if let file { unsafe file.append(number, frame) } else { unsafe memory.append(number, frame) }
        }
    }

    func resetStore() {
        file?.reset()
        memory.reset()
        resender = nil
    }

    /// Makes numbers and kept messages readable to a later process.
    func persist() { file?.flush(expected: machine.expected, next: machine.next) }

    /// Writes the next piece of the resend into `output`; forgets the resend when it is through.
    func stepResend(now: Int64, fields: inout FieldIndex, bytesMax: Int, into output: inout FrameWriter) {
        guard var resender else { return }
        let header = machine.configuration.header
        if var file {
            resender.step(&file, fields: &fields, header: header, now: now, bytesMax: bytesMax, into: &output)
        } else {
            resender.step(&memory, fields: &fields, header: header, now: now, bytesMax: bytesMax, into: &output)
        }
        self.resender = resender.isFinished ? nil : resender
    }
}
