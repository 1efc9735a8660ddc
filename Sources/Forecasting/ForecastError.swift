public import Learning

/// What can be wrong with data, settings or checkpoints of a forecast.
public struct ForecastError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Kinds of faults.
    public enum Code: String, Sendable {
        /// A setting is outside its limits.
        case configuration
        /// A column is absent, or a name is there twice.
        case column
        /// A row cannot be read: too few fields, no time, no number.
        case malformed
        /// A time is earlier than that of the row before.
        case unordered
        /// Two rows belong to the same interval.
        case duplicate
        /// A value is NaN or infinite.
        case notFinite
        /// A load is below zero.
        case negative
        /// All values are the same: there is nothing to forecast.
        case constant
        /// Fewer whole days than profile, window and splits need.
        case tooFewDays
        /// A checkpoint is damaged or of another model.
        case checkpoint
        /// A metric is absent, not finite, or a counter that fell.
        case metric
        /// Readings are not one interval apart.
        case stale
        /// Training produced numbers that are not finite.
        case diverged
    }

    /// What kind of fault it is.
    public let code: Code
    /// What happened, naming row, column or tensor.
    public let message: String

    /// A fault with a message for people.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// A fault of the learning library met on a checkpoint or a fit.
    public init(_ error: LearningError) {
        switch error.code {
        case .notFinite: self.init(.notFinite, error.message)
        case .badData, .singular, .noThread: self.init(.configuration, error.message)
        case .file, .malformed, .missingTensor, .wrongShape: self.init(.checkpoint, error.message)
        }
    }

    public var description: String { "\(code.rawValue): \(message)" }
}
