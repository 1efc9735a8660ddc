import Foundation
import Glibc
import LocalStack
import Synchronization

/// The processes of the workload: this program, started again with `--worker`.
final class Workers: Sendable {
    private struct State {
        var processes: [ChildProcess] = []
        /// The number of each process's start.
        var incarnations: [Int] = []
        var starts = 0
    }

    let count: Int
    let directory: String
    private let seed: UInt64
    private let start: Int64
    private let conninfo: String
    private let redis: String
    private let program: String
    private let isCanary: Bool
    private let state = Mutex(State())

    init(_ options: Options, _ servers: Servers, directory: String) throws {
        count = options.processes
        seed = options.seed
        self.directory = directory
        conninfo = servers.conninfo
        redis = servers.relayPorts.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        start = Clock.now
        isCanary = options.isCanary
        program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        for index in 0..<count {
            let (process, incarnation) = try begin(index)
            state.withLock { state in
                state.processes.append(process)
                state.incarnations.append(incarnation)
            }
        }
    }

    private func begin(_ index: Int) throws -> (process: ChildProcess, incarnation: Int) {
        let incarnation = state.withLock { state in
            state.starts += 1
            return state.starts
        }
        let process = try ChildProcess.start(
            [
                program, "--worker", "\(incarnation)", "--index", "\(index)", "--count", "\(count)",
                "--seed",
                "\(seed)",
                "--conninfo", conninfo, "--redis", redis, "--directory", directory, "--start", "\(start)",
            ] + (isCanary ? ["--canary"] : []), log: "\(directory)/worker-\(incarnation).log")
        return (process, incarnation)
    }

    /// Bytes of calls that a process has noted.
    func noted(_ index: Int) -> Int {
        let incarnation = state.withLock { $0.incarnations[index] }
        var status = stat()
        return stat("\(directory)/calls-\(incarnation).txt", &status) == 0 ? Int(status.st_size) : 0
    }

    func signal(_ index: Int, _ number: Int32) {
        state.withLock { $0.processes[index] }.signal(number)
    }

    /// Kills a process without warning and starts another in its place; how the old one ended.
    func replace(_ index: Int) async throws -> Int32 {
        let old = state.withLock { $0.processes[index] }
        old.signal(SIGKILL)
        let code = await old.wait()
        let (new, incarnation) = try begin(index)
        state.withLock { state in
            state.processes[index] = new
            state.incarnations[index] = incarnation
        }
        return code
    }

    /// Processes that have ended by themselves, with their exit codes.
    func ended() async -> [Int32] {
        var codes: [Int32] = []
        for process in state.withLock({ $0.processes }) where !process.isRunning {
            codes.append(await process.wait())
        }
        return codes
    }

    /// Asks all to end and waits until they have; returns their exit codes.
    func stop() async -> [Int32] {
        let processes = state.withLock { $0.processes }
        for process in processes {
            process.signal(SIGCONT)
            process.signal(SIGTERM)
        }
        var codes: [Int32] = []
        for process in processes {
            let end = ContinuousClock.now + .seconds(40)
            while process.isRunning, ContinuousClock.now < end {
                await Task.detached { try? await Task.sleep(for: .milliseconds(20)) }.value
            }
            process.signal(SIGKILL)
            codes.append(await process.wait())
        }
        return codes
    }
}
