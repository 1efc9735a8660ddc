/// The value of field 35: one or two ASCII characters, kept as a number so that comparing costs one instruction.
@frozen
public struct MessageType: Hashable, Sendable, CustomStringConvertible {
    /// First character in the low byte, second (or 0) in the high byte.
    public let rawValue: UInt16

    /// The type of those characters; `second` is 0 for one-character types.
    @inlinable
    public init(_ first: UInt8, _ second: UInt8 = 0) { rawValue = UInt16(first) | UInt16(second) << 8 }

    /// Heartbeat, 35=0.
    public static let heartbeat = MessageType(UInt8(ascii: "0"))
    /// TestRequest, 35=1.
    public static let testRequest = MessageType(UInt8(ascii: "1"))
    /// ResendRequest, 35=2.
    public static let resendRequest = MessageType(UInt8(ascii: "2"))
    /// Reject, 35=3.
    public static let reject = MessageType(UInt8(ascii: "3"))
    /// SequenceReset, 35=4.
    public static let sequenceReset = MessageType(UInt8(ascii: "4"))
    /// Logout, 35=5.
    public static let logout = MessageType(UInt8(ascii: "5"))
    /// ExecutionReport, 35=8.
    public static let executionReport = MessageType(UInt8(ascii: "8"))
    /// OrderCancelReject, 35=9.
    public static let orderCancelReject = MessageType(UInt8(ascii: "9"))
    /// Logon, 35=A.
    public static let logon = MessageType(UInt8(ascii: "A"))
    /// NewOrderSingle, 35=D.
    public static let newOrderSingle = MessageType(UInt8(ascii: "D"))
    /// OrderCancelRequest, 35=F.
    public static let orderCancelRequest = MessageType(UInt8(ascii: "F"))
    /// OrderCancelReplaceRequest, 35=G.
    public static let orderCancelReplaceRequest = MessageType(UInt8(ascii: "G"))
    /// OrderStatusRequest, 35=H.
    public static let orderStatusRequest = MessageType(UInt8(ascii: "H"))
    /// BusinessMessageReject, 35=j.
    public static let businessMessageReject = MessageType(UInt8(ascii: "j"))

    /// Whether the session layer answers it: 0 1 2 3 4 5 A. Such messages are never sent again.
    @inlinable
    public var isAdministrative: Bool {
        switch self {
        case .heartbeat, .testRequest, .resendRequest, .reject, .sequenceReset, .logout, .logon: true
        default: false
        }
    }

    /// Whether it is about one order of the sender: D F G H.
    @inlinable
    public var isOrderEntry: Bool {
        switch self {
        case .newOrderSingle, .orderCancelRequest, .orderCancelReplaceRequest, .orderStatusRequest: true
        default: false
        }
    }

    /// Whether FIX 4.4 defines it: 0-9, A-H, J-N, P-T, V-Z, a-z, AA-AZ, BA-BH; 93 types.
    public var isDefined: Bool {
        let first = UInt8(truncatingIfNeeded: rawValue)
        let second = UInt8(truncatingIfNeeded: rawValue >> 8)
        switch (first, second) {
        case (UInt8(ascii: "0")...UInt8(ascii: "9"), 0), (UInt8(ascii: "a")...UInt8(ascii: "z"), 0): return true
        case (UInt8(ascii: "A")...UInt8(ascii: "Z"), 0):
            return first != UInt8(ascii: "I") && first != UInt8(ascii: "O") && first != UInt8(ascii: "U")
        case (UInt8(ascii: "A"), UInt8(ascii: "A")...UInt8(ascii: "Z")): return true
        case (UInt8(ascii: "B"), UInt8(ascii: "A")...UInt8(ascii: "H")): return true
        default: return false
        }
    }

    /// The characters, as they stand in field 35.
    public var description: String {
        String(
            decoding: [UInt8(truncatingIfNeeded: rawValue), UInt8(truncatingIfNeeded: rawValue >> 8)]
                .filter { $0 != 0 }, as: UTF8.self)
    }
}
