/// Answers one ResendRequest piece by piece: stored messages with 43=Y and 122, gap fills for everything else.
///
/// Each run of messages that are not in the store (administrative ones, or ones that fell out) becomes one
/// SequenceReset 123=Y with 36 = the next number. No new numbers are used. `step` stops after a number of bytes, so
/// that a resend of 100,000 messages never has to be held in memory; call it again when the peer has read them.
public struct Resender: Sendable {
    private var cursor: UInt64
    private let last: UInt64

    /// A resend of `range`, both ends included.
    public init(_ range: ClosedRange<UInt64>) {
        cursor = range.lowerBound
        last = range.upperBound
    }

    /// Whether everything has been written.
    public var isFinished: Bool { cursor > last }

    /// Writes the next frames, at least one, until `bytesMax` bytes are written or the range is through.
    ///
    /// - Parameters:
    ///   - fields: an index to work with; its content is overwritten.
    ///   - now: microseconds since 1970 UTC, field 52 of the frames.
    public mutating func step(
        _ store: inout some MessageStore, fields: inout FieldIndex, header: HeaderTemplate, now: Int64,
        bytesMax: Int, into writer: inout FrameWriter
    ) {
        let start = writer.count
        while cursor <= last, writer.count - start < bytesMax {
            let found = store.load(from: cursor, through: last, into: &fields)
            if found != cursor {
                let next = found ?? last + 1
                Self.gapFill(cursor, next: next, header: header, now: now, into: &writer)
                cursor = next
            }
            guard found != nil else { continue }
            Self.repeatMessage(fields, number: cursor, header: header, now: now, into: &writer)
            cursor += 1
        }
    }

    /// Writes one SequenceReset-GapFill that stands for `number` ..< `next`.
    public static func gapFill(
        _ number: UInt64, next: UInt64, header: HeaderTemplate, now: Int64, into writer: inout FrameWriter
    ) {
        writer.begin(.sequenceReset, number: number, header: header, time: now, originalTime: now)
        writer.append(Tag.newSeqNo, Int64(next))
        writer.append(Tag.gapFillFlag, char: UInt8(ascii: "Y"))
        writer.finish()
    }

    /// Writes the message again: old number, 43=Y, 122 = its first sending time; the rest as it was.
    private static func repeatMessage(
        _ fields: borrowing FieldIndex, number: UInt64, header: HeaderTemplate, now: Int64,
        into writer: inout FrameWriter
    ) {
        writer.begin(
            fields.messageType, number: number, header: header, time: now,
            originalTime: fields.timestamp(Tag.sendingTime) ?? now,
            isPossibleResend: fields.flag(Tag.possResend) == true)
        for index in 0..<fields.count {
            let tag = Int(fields.entry(index).tag)
            switch tag {
            case Tag.beginString, Tag.bodyLength, Tag.msgType, Tag.msgSeqNum, Tag.possDupFlag, Tag.senderCompID,
                Tag.sendingTime, Tag.targetCompID, Tag.possResend, Tag.origSendingTime, Tag.checkSum:
                continue
            default: fields.withValue(at: index) { writer.append(tag, span: $0) }
            }
        }
        writer.finish()
    }
}
