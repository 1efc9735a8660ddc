/// Why a run could not be made or had to stop.
public struct LoadError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of fault.
    public enum Code: Sendable {
        /// A value that is out of range or malformed.
        case configuration
        /// The target cannot be reached, or no session could log on.
        case connection
        /// The operating system refused something.
        case system
    }

    /// What kind of fault.
    public let code: Code
    /// What to do about it, for a person.
    public let message: String

    /// An error with its message.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
