internal import Autoscaling
internal import Settings

/// Reads a chain's profile: classes, services, bounds.
enum ChainReader {
    /// The chain of a section: spelled out there, or in the file that its key `profile` names.
    ///
    /// - Parameter file: the text of the file named; nil where it cannot be read.
    static func chain(_ section: SettingsSection, file: (String) -> String?) throws(SettingsError) -> ChainProfile {
        guard let name = section.value("profile") else { return try whole(section) }
        let path = try name.name()
        guard let text = file(path) else { throw name.error("\(path) cannot be read") }
        let top = try SettingsSection(yaml: text, name: path)
        let chain = try whole(top)
        try top.finish()
        return chain
    }

    /// The chain of a file of its own, as `autoscaler calibrate` writes it; without one the simulator's trading chain.
    ///
    /// - Throws: `UserError` with file, line and key.
    static func read(_ file: String?) throws -> ChainProfile {
        guard let file else { return .tradingChain }
        let text = String(decoding: try InputFile.read(file), as: UTF8.self)
        do {
            let top = try SettingsSection(yaml: text, name: file)
            let chain = try whole(top)
            try top.finish()
            return chain
        } catch { throw UserError("\(error)") }
    }

    private static func whole(_ section: SettingsSection) throws(SettingsError) -> ChainProfile {
        var profile = ChainProfile(services: [])
        let classes = try section.section("classes")
        let keys = classes.openKeys()
        if !keys.isEmpty {
            profile.classes = keys.map(\.key)
            profile.mix = []
            for (key, _) in keys {
                if let value = classes.value(key) { profile.mix.append(try value.share()) }
            }
            let sum = profile.mix.reduce(0, +)
            guard abs(sum - 1) <= 1e-6 else { throw section.error("classes", "their sum is 1, not \(sum)") }
        }
        profile.latencyTarget = try section.seconds("latency_target", default: 0.05, in: 0.0001...3_600)
        if let budget = section.value("processor_budget") {
            profile.processorBudget = try budget.number(in: 0.01...1e6)
        }
        let services = try section.required("services", "is missing: the services that requests pass")
        for item in try services.list() {
            let service = try Self.service(try item.section(), profile.classes)
            guard !profile.services.contains(where: { $0.name == service.name }) else {
                throw item.error("service '\(service.name)' appears twice")
            }
            profile.services.append(service)
            if let fault = profile.fault { throw item.error(fault) }
        }
        if let fault = profile.fault { throw services.error(fault) }
        return profile
    }

    private static func service(
        _ section: SettingsSection, _ classes: [String]
    ) throws(SettingsError) -> ServiceProfile {
        let replicas = try section.section("replicas")
        let least = try replicas.integer("min", default: 1, in: 0...1_000)
        let most = try replicas.integer("max", default: 10, in: 1...1_000)
        guard least <= most else {
            throw replicas.error(replicas.has("max") ? "max" : "min", "min \(least) is more than max \(most)")
        }
        let name = try section.required("name").name()
        guard let time = section.value("service_time") else {
            throw SettingsError(section.place, "\(section.path(of: "service_time")) is missing")
        }
        var service = ServiceProfile(
            name: name, bounds: least...most, serviceTime: try time.seconds(in: 1e-6...3_600), latencyBudget: 1)
        service.latencyBudget = try section.seconds(
            "latency_budget", default: 10 * service.serviceTime, in: 1e-6...3_600)
        service.processors = try section.number("processors", default: 1, in: 0.001...1_024)
        service.workers = try section.integer("workers", default: 1, in: 1...1_024)
        service.serviceVariation = try section.number("service_variation", default: 1, in: 0...100)
        service.arrivalVariation = try section.number("arrival_variation", default: 1, in: 0...100)
        service.visits = []
        let visits = try section.section("visits")
        for name in classes { service.visits.append(try visits.number(name, default: 1, in: 0...1_000)) }
        let startup = try section.section("startup")
        let from = try startup.seconds("from", default: 5, in: 0...3_600)
        let to = try startup.seconds("to", default: max(30, from), in: 0...3_600)
        guard from <= to else { throw startup.error("to", "is before from") }
        service.startup = .init(
            range: from...to, failureShare: try startup.share("failures", default: 0.01, in: 0...0.99))
        let cache = try section.section("cache")
        service.cache = .init(
            hitRatio: try cache.share("hit_ratio", default: 0.8, in: 0...1),
            warmup: try cache.seconds("warmup", default: 30, in: 0.001...86_400),
            missFactor: try cache.number("miss_factor", default: 1.5, in: 1...1_000))
        let sharing = try section.section("sharing")
        service.sharing = .init(
            contention: try sharing.number("contention", default: 0, in: 0...1),
            coherence: try sharing.number("coherence", default: 0, in: 0...1))
        let unloaded = try section.section("unloaded")
        if section.has("unloaded") {
            service.unloaded = .init(
                mean: try unloaded.seconds("mean", default: service.serviceTime, in: 1e-6...3_600),
                variation: try unloaded.number("variation", default: service.serviceVariation, in: 0...100),
                pause: try unloaded.seconds("pause", default: 0, in: 0...3_600))
        }
        service.isParallel = try section.flag("parallel", default: false)
        let disciplines = ServiceProfile.Discipline.allCases
        let word = try section.word("discipline", default: "queue", among: disciplines.map(\.name))
        service.discipline = disciplines.first { $0.name == word } ?? .queue
        try section.finish()
        return service
    }
}
