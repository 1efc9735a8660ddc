/// Why a typed key or row has no form in its space, or bytes are not a row of it.
public struct RowError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of fault.
    public enum Code: String, Sendable, Hashable {
        /// A text, byte string, key or encoded body is longer than its column.
        case tooLong
        /// A text is not ASCII, or holds a zero byte.
        case notASCII
        /// A number has no meaning in its column: an unknown enumeration case, a flag that is neither 0 nor 1.
        case badValue
        /// The bytes have another stamp or size than the layout declared here, or are none of a row.
        case otherLayout
        /// The body was written under a version of its type that this program does not read.
        case otherVersion
        /// The body is not what its type decodes or encodes.
        case badBody
        /// Another text key has the same 64-bit hash and is there already.
        case keyCollision
        /// More keys than one read may have.
        case tooManyKeys
    }

    public let code: Code
    /// What a person can do about it; names the column or table, never the value.
    public let message: String

    /// A fault of that code.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }
}
