internal import Autoscaling
internal import Foundation
internal import Learning

/// Makes the policies that a configuration names.
enum PolicyShelf {
    /// Policies that can be named in `shadows`, `counterfactuals` and `replay --policy`.
    static let names = ["hpa", "keda", "static", "forecast", "reactive", "autopilot", "hybrid"]

    /// The policy of a name with the configuration's numbers.
    static func policy(_ name: String, _ configuration: RunConfiguration) throws(PolicyFault) -> any ScalingPolicy {
        let profile = configuration.profile
        switch name {
        case "hpa":
            var hpa = HPAConfiguration()
            hpa.metrics = [.cpu(percent: configuration.hpaPercent)]
            return try HPAPolicy(profile, hpa.faster(by: configuration.hpaTimeScale))
        case "keda": return try KEDAPolicy(profile, utilisation: configuration.rule.utilisation)
        case "static": return try StaticPolicy(profile, peak: configuration.peak)
        case "forecast":
            var settings = configuration.forecastRule
            settings.rule = configuration.rule
            settings.rule.utilisation = configuration.forecastRule.rule.utilisation
            settings.rule.downWindow = configuration.forecastRule.rule.downWindow
            settings.period = configuration.ladder.period
            return try ForecastRule(profile, settings, floor: configuration.shield.floor)
        case "reactive": return try ReactiveRule(profile, configuration.rule, floor: configuration.shield.floor)
        case "autopilot":
            var settings = AutopilotPolicy.Settings()
            settings.utilisation = configuration.rule.utilisation
            return try AutopilotPolicy(profile, settings)
        case "hybrid":
            var settings = HybridPolicy.Configuration()
            settings.utilisationTarget = min(0.9, configuration.rule.utilisation)
            settings.period = configuration.ladder.period
            settings.freshFor = configuration.shield.freshFor
            return try HybridPolicy(profile, settings)
        default: throw PolicyFault("Unknown", "no policy is called '\(name)'")
        }
    }

    /// The ladder of a configuration with a model or without.
    static func ladder(
        _ configuration: RunConfiguration, learned: (any ScalingPolicy)?
    ) throws(PolicyFault) -> SafetyLadder {
        var shadows: [any ScalingPolicy] = []
        for name in configuration.shadows { shadows.append(try policy(name, configuration)) }
        var counterfactuals: [any ScalingPolicy] = []
        for name in configuration.counterfactuals { counterfactuals.append(try policy(name, configuration)) }
        return try SafetyLadder(
            configuration.profile, configuration.ladder, learned: learned,
            forecast: configuration.forecast == .none ? nil : try policy("forecast", configuration),
            reactive: try policy("reactive", configuration),
            shield: try Shield(configuration.profile, configuration.shield), shadows: shadows,
            counterfactuals: counterfactuals)
    }
}

/// A learned policy read from a file, checked before anything uses it.
struct LoadedModel {
    let policy: any ScalingPolicy
    /// The hash that the file itself carries and was checked against.
    let hash: String

    /// Reads a model and checks its hash, its shape, its numbers and its fit to the chain.
    static func read(_ path: String, _ profile: ChainProfile) throws(UserError) -> LoadedModel {
        do {
            let model = try ScalingModel(try TensorFile(path: path))
            return LoadedModel(policy: try LearnedPolicy(model, profile), hash: model.hash)
        } catch let error as LearningError {
            throw UserError("\(path): \(error.message)")
        } catch {
            throw UserError("\(path): \(error)")
        }
    }
}
