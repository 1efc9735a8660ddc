internal import Foundation

/// What the load generator saw of the machine, from the section `watch` of its summary (`Schemas/loadgen-summary.md`).
struct LoadWatch: Sendable {
    /// Processors that the hypervisor withheld from tasks that were ready (steal), on average.
    private(set) var withheld = 0.0
    /// By component, greatest first: the share of time that one thread of it waited for a processor, on average over the
    /// seconds, in each of which it is the thread that waited most.
    private(set) var waits: [(component: String, share: Double)] = []

    /// Nothing was seen.
    init() {}

    /// Of a summary; nothing where the file cannot be read.
    init(summary file: String) {
        guard let data = FileManager.default.contents(atPath: file),
            let summary = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let watch = summary["watch"] as? [String: Any], let processors = watch["processors"] as? Double,
            let components = watch["components"] as? [String], let samples = watch["samples"] as? [[String: Any]]
        else { return }
        withheld = processors * Self.mean(samples.compactMap { $0["machine_steal"] as? Double })
        waits = components.enumerated().map { index, component in
            let shares = samples.compactMap { sample -> Double? in
                guard let loads = sample["loads"] as? [Any], loads.indices.contains(index),
                    let load = loads[index] as? [Double], load.count > 3
                else { return nil }
                return load[3]
            }
            return (component, Self.mean(shares))
        }.sorted { $0.1 > $1.1 }
    }

    private static func mean(_ values: [Double]) -> Double {
        values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
    }
}
