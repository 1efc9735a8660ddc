// Our own services calibrated, and predicted at loads that were not fitted: `autoscaler calibrate` as a user runs it.
//
//   CalibrationBenchmark [seconds of a step] [repeats] [accounts|orders|all]
//
// accounts: GET /accounts/{id} of a node that may use a quarter of a processor, at rates of 10 to 85 % of its capacity.
// orders: FIX orders screened by replicas of risk with a tenth of a processor each; one, two and three replicas are
// measured, and the loads to predict are other rates and the third count.
// A private Redis Cluster and PostgreSQL with fsync serve them. Steps of all loads take turns and are repeated, so that
// a slow minute of the machine touches all of them; the generator sends at real-time priority where it may.
// Prints predicted / measured times of each load and says whether p95 is within 15 %; the machine should be quiet.
import Foundation
import LocalStack

let arguments = CommandLine.arguments
let seconds = arguments.count > 1 ? Double(arguments[1]) ?? 0 : 4
let repeats = arguments.count > 2 ? Int(arguments[2]) ?? 0 : 3
let choice = arguments.count > 3 ? arguments[3] : "all"
guard (1...60).contains(seconds), (1...20).contains(repeats), ["accounts", "orders", "all"].contains(choice) else {
    print("CalibrationBenchmark [seconds of a step, 1...60] [repeats, 1...20] [accounts|orders|all]")
    exit(2)
}
guard LocalStack.missingPrograms.isEmpty else {
    print("skipped: \(LocalStack.missingPrograms.joined(separator: ", ")) not installed")
    exit(0)
}
do {
    let bench = try await CalibrationBench.start(seconds: seconds, repeats: repeats)
    defer { bench.stop() }
    if choice != "orders" { try await bench.accounts() }
    if choice != "accounts" { try await bench.orders() }
} catch {
    print("CalibrationBenchmark: \(error)")
    exit(1)
}
