internal import ArgumentParser
internal import Foundation

/// The options of `demo --autoscale`.
struct AutoscaleOptions: ParsableArguments {
    @Flag(help: "A trading day in minutes in which the sidecar decides how many replicas screen the orders.")
    var autoscale = false
    @Option(help: "With --autoscale: length of the day, 1 to 60.") var minutes = 5.0
    @Option(help: "With --autoscale: who decides, forecast or reactive.") var policy = "forecast"
    @Option(help: "With --autoscale: processors of one replica, 0.02 to 1.") var quota = 0.15
    @Flag(help: "With --autoscale: kill the sidecar (SIGKILL) after the open and start it again.")
    var killSidecar = false

    /// Checks what is given, also that it is not given in vain.
    func validate(report: String) throws {
        guard (1...60).contains(minutes) else { throw ValidationError("--minutes must be 1 to 60") }
        guard AutoscalePlan.Policy(rawValue: policy) != nil else {
            throw ValidationError("--policy must be forecast or reactive")
        }
        guard (0.02...1).contains(quota) else { throw ValidationError("--quota must be 0.02 to 1") }
        guard autoscale || (!killSidecar && minutes == 5 && policy == "forecast" && quota == 0.15) else {
            throw ValidationError("--minutes, --policy, --quota and --kill-sidecar need --autoscale")
        }
        guard !autoscale || !report.isEmpty else { throw ValidationError("--report must name a directory") }
    }

    /// What the options say.
    func plan(peak: Double?, seed: UInt64, report: String) -> AutoscalePlan {
        AutoscalePlan(
            seconds: Int((minutes * 60).rounded()), peak: peak, seed: seed,
            policy: AutoscalePlan.Policy(rawValue: policy) ?? .forecast, quota: quota,
            report: URL(fileURLWithPath: report).path, killsSidecar: killSidecar)
    }
}
