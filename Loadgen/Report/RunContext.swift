/// What a report tells beside plan and figures.
public struct RunContext: Sendable {
    /// Name of the run.
    public var name: String
    /// The scenario's text, or the options in words; without passwords.
    public var scenario: String
    /// Version of the sources, empty where unknown.
    public var revision: String
    /// Machine: name, kernel, processors.
    public var host: [(name: String, value: String)]

    /// A context.
    public init(name: String, scenario: String, revision: String = "", host: [(name: String, value: String)] = []) {
        self.name = name
        self.scenario = scenario
        self.revision = revision
        self.host = host
    }
}
