// Our own services calibrated, and predicted at loads that were not fitted: `autoscaler calibrate` as a user runs it.
//
//   CalibrationBenchmark [seconds of a step] [repeats] [accounts|orders|all]
//
// accounts: GET /accounts/{id} of a node on one processor, the load generator on another. orders: FIX orders screened by
// replicas of risk on 15 % of a processor each; one and two replicas are fitted, the loads to predict are other rates and
// three.
// First the load generator finds the knee, the greatest rate with a p95 below some milliseconds. The fitted rates are 10
// to 90 % of it, the predicted ones lie between them. A private Redis Cluster and PostgreSQL with fsync serve them.
// Steps of all loads take turns and are repeated, so that a slow minute of the machine touches all of them; a step that
// the generator limited is measured again. The generator sends at real-time priority where it may; the machine should
// be quiet and have two processors.
// Prints predicted / measured times of each load. Exit code: 0 p95 within 15 % everywhere, 99 not (the last line says
// which service), 1 it could not run, 2 wrong arguments.
import Foundation
import LocalStack

let arguments = CommandLine.arguments
let seconds = arguments.count > 1 ? Double(arguments[1]) ?? 0 : 4
let repeats = arguments.count > 2 ? Int(arguments[2]) ?? 0 : 12
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
    if bench.repeated > 0 { say("\(bench.repeated) steps were measured again: disturbed, see above") }
    if !bench.missed.isEmpty {
        say("p95 more than 15 % off: \(bench.missed.joined(separator: ", "))")
        bench.stop()
        exit(99)
    }
} catch {
    print("CalibrationBenchmark: \(error)")
    exit(1)
}
