/// A process, profile or schedule text that cannot be used, in words a person can act on.
public struct ArrivalError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong and what would be right.
    public let message: String
    /// Where in a text, in characters from 1; nil where there is no text.
    public let column: Int?

    /// An error.
    public init(_ message: String, column: Int? = nil) {
        self.message = message
        self.column = column
    }

    /// `column 7: message`, or the message.
    public var description: String { column.map { "column \($0): \(message)" } ?? message }
}

/// Throws `message` unless the condition holds.
func require(_ condition: Bool, _ message: @autoclosure () -> String) throws(ArrivalError) {
    if !condition { throw ArrivalError(message()) }
}
