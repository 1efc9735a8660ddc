/// An output that could not be made.
public struct OutputError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of fault.
    public enum Code: Sendable {
        /// The system refused a file.
        case file
        /// A record of single requests lacks some of them.
        case incomplete
        /// The page of metrics cannot be served.
        case listener
        /// Runs that do not belong together.
        case mismatch
    }

    /// What kind of fault.
    public let code: Code
    /// Which output, what happened, and what to do about it.
    public let description: String

    /// A fault in words.
    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
