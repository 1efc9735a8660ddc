/// Why a message is refused on session level: what a Reject (35=3) carries.
public struct SessionReject: Equatable, Sendable {
    /// SessionRejectReason (373).
    public enum Reason: UInt8, Sendable, CaseIterable {
        case invalidTagNumber = 0
        case requiredTagMissing = 1
        case tagNotDefinedForMessage = 2
        case tagWithoutValue = 4
        case valueIncorrect = 5
        case incorrectFormat = 6
        case compIDProblem = 9
        case sendingTimeProblem = 10
        case invalidMessageType = 11
        case tagAppearsTwice = 13
        case tagOutOfOrder = 14
        case groupFieldsOutOfOrder = 15
        case incorrectGroupCount = 16
        case other = 99

        /// Field 58 of the Reject; tests of FIX engines compare these texts literally.
        public var text: String {
            switch self {
            case .invalidTagNumber: "Invalid tag number"
            case .requiredTagMissing: "Required tag missing"
            case .tagNotDefinedForMessage: "Tag not defined for this message type"
            case .tagWithoutValue: "Tag specified without a value"
            case .valueIncorrect: "Value is incorrect (out of range) for this tag"
            case .incorrectFormat: "Incorrect data format for value"
            case .compIDProblem: "CompID problem"
            case .sendingTimeProblem: "SendingTime accuracy problem"
            case .invalidMessageType: "Invalid MsgType"
            case .tagAppearsTwice: "Tag appears more than once"
            case .tagOutOfOrder: "Tag specified out of required order"
            case .groupFieldsOutOfOrder: "Repeating group fields out of order"
            case .incorrectGroupCount: "Incorrect NumInGroup count for repeating group"
            case .other: "More than \(FieldIndex.fieldsMax) fields"
            }
        }
    }

    /// Field 373.
    public var reason: Reason
    /// Field 371, nil where the Reject has none.
    public var tag: Int?

    /// A refusal of `tag`.
    public init(_ reason: Reason, tag: Int? = nil) {
        self.reason = reason
        self.tag = tag
    }
}
