/// What is wrong with the input of simulator, loads or calibration.
public struct SimulationFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// Kinds of faults.
    public enum Code: String, Sendable {
        /// The profile of the chain contradicts itself.
        case profile
        /// A rate is negative or not finite, or there is none.
        case load
        /// An option is outside its limits.
        case option
        /// A row of a file cannot be read.
        case malformed
        /// Measurements do not determine what is asked of them.
        case measurement
    }

    /// What kind of fault it is.
    public let code: Code
    /// What is wrong and what to write instead.
    public let message: String

    /// A fault with a message for people.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
