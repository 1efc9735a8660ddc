public import Learning

/// A learned policy as a file holds it: network, normaliser, and what both expect. Safetensors with its facts in the
/// metadata; a file whose tensors, features, steps or hash do not fit is refused with a sentence that says what.
public struct ScalingModel: @unchecked Sendable {
    // Unchecked: `network` is only copied from after this value is made, never asked to decide.

    /// How the services are laid out.
    public let form: ScalingForm
    /// The number of services of form A; nil where any number will do.
    public let services: Int?
    /// What the steps were masked with in training, and are when served.
    public let rules: MaskRules
    /// How it was trained: seed, steps, validation score and the like, by name.
    public let training: [String: String]
    let network: DiscretePolicy

    /// Whether the network gives action values (DQN) rather than probabilities (PPO).
    public var isValueBased: Bool { network.kind == .actionValue }

    /// Seconds from one decision to the next in training; 10 where the file does not say.
    public var period: Double {
        training["period"].flatMap { Double($0) }.flatMap { $0 >= 0.05 && $0 <= 3_600 ? $0 : nil } ?? 10
    }

    /// A model of a network that was trained in `form`.
    init(
        _ network: DiscretePolicy, form: ScalingForm, services: Int?, rules: MaskRules, training: [String: String]
    ) {
        self.network = network
        self.form = form
        self.services = services
        self.rules = rules
        self.training = training
    }

    /// The file; equal models give equal bytes.
    public var tensorFile: TensorFile {
        var file = network.tensorFile()
        for (key, value) in training { file.metadata["training.\(key)"] = value }
        file.metadata["scaling.format"] = Self.format
        file.metadata["scaling.form"] = form.rawValue
        if let services { file.metadata["scaling.services"] = "\(services)" }
        file.metadata["scaling.features"] = Self.features
        file.metadata["scaling.steps"] = Self.steps
        file.metadata["scaling.mask"] = rules.text
        file.metadata[Self.hashKey] = Self.hash(file)
        return file
    }

    /// The model of a file.
    /// - Throws: `LearningError` that names what does not fit: format, features, steps, shape, numbers or hash.
    public init(_ file: TensorFile) throws(LearningError) {
        func fact(_ key: String) throws(LearningError) -> String {
            guard let value = file.metadata["scaling.\(key)"] else {
                throw LearningError(.malformed, "the file is no scaling policy: it lacks scaling.\(key)")
            }
            return value
        }
        let format = try fact("format")
        guard format == Self.format else {
            throw LearningError(.malformed, "the policy's format is '\(format)', this program reads '\(Self.format)'")
        }
        guard let form = ScalingForm(rawValue: try fact("form")) else {
            throw LearningError(.malformed, "scaling.form is none of shared, single")
        }
        guard try fact("features") == Self.features else {
            throw LearningError(.wrongShape, "the policy reads other features than this program makes")
        }
        guard try fact("steps") == Self.steps else {
            throw LearningError(.wrongShape, "the policy takes other steps than this program knows")
        }
        guard let rules = MaskRules(text: try fact("mask")) else {
            throw LearningError(.malformed, "scaling.mask is not six numbers")
        }
        guard try fact("hash") == Self.hash(file) else {
            throw LearningError(.malformed, "the policy's hash does not fit its content")
        }
        let services = file.metadata["scaling.services"].flatMap { Int($0) }
        guard (services == nil) == (form == .shared), (services ?? 1) > 0 else {
            throw LearningError(.malformed, "scaling.services does not fit the form \(form.rawValue)")
        }
        let network = try DiscretePolicy(file)
        let expected = form.space(services: services ?? 1)
        guard network.space.width == expected.width, network.space.heads == expected.heads else {
            throw LearningError(
                .wrongShape,
                "the network has \(network.space.width) inputs and heads \(network.space.heads), the form needs "
                    + "\(expected.width) and \(expected.heads)")
        }
        let training = file.metadata.filter { $0.key.hasPrefix("training.") }
            .map { (String($0.key.dropFirst("training.".count)), $0.value) }
        self.init(
            network, form: form, services: services, rules: rules,
            training: Dictionary(training, uniquingKeysWith: { first, _ in first }))
    }

    /// The hash over everything else in the file: FNV-1a of 64 bits, in hexadecimal digits. Finds damage, not malice.
    public var hash: String { tensorFile.metadata[Self.hashKey] ?? "" }

    private static let format = "springtide-scaling/1"
    private static let hashKey = "scaling.hash"
    private static let features = ScalingFeatures.names.joined(separator: " ")
    private static let steps = ReplicaAction.allCases.map(\.word).joined(separator: " ")

    private static func hash(_ file: TensorFile) -> String {
        var bare = file
        bare.metadata[hashKey] = nil
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bare.bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension MaskRules {
    /// The rules as numbers between blanks.
    var text: String {
        [downCooldown, downPause, utilisationHigh, downAhead, pressure, idle].map { "\($0)" }.joined(separator: " ")
    }

    /// The rules of such a text; nil where it is none.
    init?(text: String) {
        let numbers = text.split(separator: " ").compactMap { Double($0) }
        guard numbers.count == 6, numbers.allSatisfy({ $0.isFinite && $0 >= 0 }) else { return nil }
        self.init()
        (downCooldown, downPause, utilisationHigh) = (numbers[0], numbers[1], numbers[2])
        (downAhead, pressure, idle) = (numbers[3], numbers[4], numbers[5])
    }
}
