internal import FIX
internal import Glibc

/// One line a final acknowledgement: `session,ClOrdID,kind,execType,orderID,execID`.
///
/// `session` is the SenderCompID; `execType` is field 150 of the report (0 8 F 4 5), or 9 for an OrderCancelReject,
/// which has no execID. Written in blocks: every 100 ms and at the end, so a killed generator loses at most that
/// much of its own knowledge. Used to prove that what was acknowledged is durable.
final class AckLog {
    private static let blockLength = 1 << 16
    private let descriptor: Int32
    private var pending: [UInt8] = []
    /// Lines written.
    private(set) var lines = 0
    /// A write failed: the log is incomplete.
    private(set) var hasFailed = false

    init(path: String) throws(LoadError) {
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw LoadError(.system, "\(path): \(errnoText())") }
        pending.reserveCapacity(Self.blockLength + 4_096)
    }

    deinit { close(descriptor) }

    func append(session: [UInt8], kind: OrderKind, execType: UInt8, fields: borrowing FieldIndex) {
        pending += session
        put(fields, Tag.clOrdID)
        pending.append(UInt8(ascii: ","))
        pending += kind.rawValue.utf8
        pending.append(UInt8(ascii: ","))
        pending.append(execType)
        put(fields, Tag.orderID)
        put(fields, Tag.execID)
        pending.append(UInt8(ascii: "\n"))
        lines += 1
        if pending.count >= Self.blockLength { flush() }
    }

    private func put(_ fields: borrowing FieldIndex, _ tag: Int) {
        pending.append(UInt8(ascii: ","))
        guard let index = fields.find(tag) else { return }
        fields.withValue(at: index) { span in
            for position in 0..<span.count { pending.append(span[position]) }
        }
    }

    func flush() {
        var start = 0
        while start < pending.count {
            let count = unsafe pending[start...].withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                hasFailed = true
                break
            }
            start += count
        }
        pending.removeAll(keepingCapacity: true)
    }
}
