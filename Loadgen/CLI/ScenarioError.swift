/// A scenario or option that cannot be used: one line that says where and what instead.
public struct ScenarioError: Error, Sendable, Equatable, CustomStringConvertible {
    /// `file:line:column: message`, or `--option: message`.
    public let description: String

    /// An error at a place.
    public init(_ place: String, _ message: String) { description = "\(place): \(message)" }
}
