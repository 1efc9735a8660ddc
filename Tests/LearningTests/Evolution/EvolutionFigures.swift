import Foundation

/// Whether the tests print the figures they judge: set LEARNING_FIGURES in the environment.
enum EvolutionFigures {
    static let isWanted = ProcessInfo.processInfo.environment["LEARNING_FIGURES"] != nil
}
