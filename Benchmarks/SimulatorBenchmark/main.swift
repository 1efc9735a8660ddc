// Prints how fast the simulator is: service-steps (one service, one second) a second of processor time, by chain and
// load, alone and with what a policy needs each control period; and what a forecast costs.
//
// Argument: days simulated for each line (default 20). Processor time of one thread, not the wall's.

import Autoscaling
import Foundation
import Glibc

let days = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 20 : 20

func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Simulates days with replicas that follow the rate and prints the speed.
func report(_ label: String, _ profile: ChainProfile, _ day: TradingDayLoad, _ options: SimulatorOptions) throws {
    let loads = try (0..<4).map { try day.load(seed: UInt64($0)) }
    let target = profile.services.indices
    var requests = 0.0
    var seconds = 0
    let start = processorSeconds()
    for number in 0..<days {
        var options = options
        options.seed = UInt64(number)
        var simulator = try ChainSimulator(profile, loads[number % 4], options)
        while !simulator.isOver {
            let rate = simulator.observation.rate ?? day.peak
            let outcome = simulator.step(
                Decision(
                    services: target.map {
                        ServiceDecision(replicas: profile.replicas(of: $0, rate: rate, utilisation: 0.6))
                    }))
            requests += outcome.requests
        }
        seconds += loads[number % 4].duration
    }
    let spent = processorSeconds() - start
    let steps = Double(seconds * profile.services.count)
    let padded = label.padding(toLength: 44, withPad: " ", startingAt: 0)
    print(
        padded
            + String(
                format: "%9.0f service-steps/s, %5.2f us a control step, %.1f ms a day", steps / spent,
                spent / (Double(seconds) / 10) * 1e6, spent / Double(days) * 1e3))
    guard requests > 0 else { exit(1) }
}

let chain = ChainProfile.tradingChain
let plain = SimulatorOptions.exact()
try report("eight services, mild day, no noise", chain, .mild, plain)
try report("eight services, mild day", chain, .mild, SimulatorOptions())
try report("eight services, bursty day", chain, .bursty, SimulatorOptions())

var forecasting = SimulatorOptions()
forecasting.forecaster = PersistenceForecast()
try report("bursty day, persistence forecast", chain, .bursty, forecasting)
let others = try (100..<112).map { try TradingDayLoad.bursty.load(seed: $0) }
let start = processorSeconds()
forecasting.forecaster = try TrainedForecast(days: others)
print(String(format: "fitting a forecast on 12 days: %.2f s", processorSeconds() - start))
try report("bursty day, fitted forecast", chain, .bursty, forecasting)

var single = ChainProfile(services: [chain.services[3]])
single.services[0].visits = [1]
try report("one service", single, .mild, SimulatorOptions())

var wide = chain
for index in wide.services.indices { wide.services[index].workers *= 16 }
var large = TradingDayLoad.mild
large.peak = 240_000
try report("eight services of sixteen times the workers", wide, large, SimulatorOptions())
