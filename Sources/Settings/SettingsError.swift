/// A settings file or option that cannot be used: where, and what to write instead.
///
/// No value of a setting is in it unless the setting is public by nature (names, numbers, times), so that passwords do
/// not reach logs.
public struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where the mistake stands.
    public let place: SettingPlace
    /// What is wrong, beginning with the setting's path.
    public let message: String

    /// An error at a place.
    public init(_ place: SettingPlace, _ message: String) {
        self.place = place
        self.message = message
    }

    /// `file:line:column: message`; for an option the message alone, which begins with the option's name.
    public var description: String { place.description.isEmpty ? message : "\(place): \(message)" }
}

/// Where a setting was written.
public enum SettingPlace: Sendable, Equatable, CustomStringConvertible {
    /// In a file, at a line and a column counted from 1; line 0 is the file as a whole.
    case file(String, line: Int, column: Int)
    /// As an option of the command line, such as `--rate`.
    case option(String)

    /// `file:line:column`, or nothing for an option.
    public var description: String {
        switch self {
        case .file(let name, let line, let column): line > 0 ? "\(name):\(line):\(column)" : name
        case .option: ""
        }
    }

    /// `file:line`, or the option's name.
    public var line: String {
        switch self {
        case .file(let name, let line, _): line > 0 ? "\(name):\(line)" : name
        case .option(let name): name
        }
    }
}
