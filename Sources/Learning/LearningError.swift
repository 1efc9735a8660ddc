/// What can go wrong outside the caller's own code: files, shapes of data, fits without a solution.
public struct LearningError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Kinds of faults.
    public enum Code: String, Sendable {
        /// The file system refused; the message has its reason.
        case file
        /// The bytes are no checkpoint: header, offsets or end of file.
        case malformed
        /// A tensor is absent.
        case missingTensor
        /// A tensor has another shape or type than the model.
        case wrongShape
        /// A value is NaN or infinite.
        case notFinite
        /// Rows or columns of training data do not fit.
        case badData
        /// The equations have no unique solution.
        case singular
        /// A thread could not be started.
        case noThread
    }

    /// What kind of fault it is.
    public let code: Code
    /// What happened, naming file, tensor or row.
    public let message: String

    /// A fault with a message for people.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }
}
