import Foundation
import Glibc
import LocalStack
import TestServers
import Testing

@Suite struct LocalStackTests {
    @Test("The shared servers answer on loopback and on a socket of their own", .timeLimit(.minutes(2)))
    func serversAnswer() throws {
        let stack = try TestServers.shared
        #expect(stack.redis.nodes.count == 3)
        #expect(stack.redis.addresses.allSatisfy { $0.hasPrefix("127.0.0.1:") })
        #expect(stack.postgres.connection.hasPrefix("host=\(stack.directory)/"))
        #expect(FileManager.default.fileExists(atPath: "\(stack.postgres.directory)/.s.PGSQL.5432"))
    }

    @Test("A stopped stack leaves no directory and no process", .timeLimit(.minutes(2)))
    func nothingIsLeft() throws {
        let stack = try LocalStack(redis: .standalone(shards: 2), durability: .relaxed)
        let processes =
            stack.redis.nodes.compactMap(\.process.processID) + [stack.postgres.process.processID].compactMap { $0 }
        #expect(processes.count == 3)
        #expect(processes.allSatisfy { kill($0, 0) == 0 })
        stack.stop()
        #expect(!FileManager.default.fileExists(atPath: stack.directory))
        #expect(processes.allSatisfy { kill($0, 0) != 0 })
    }

    @Test("A suspended server keeps its socket and answers nobody; a resumed one goes on", .timeLimit(.minutes(2)))
    func suspendAndResume() throws {
        let stack = try LocalStack(redis: .standalone(shards: 1), durability: .relaxed)
        defer { stack.stop() }
        let process = stack.redis.nodes[0].process
        let pid = try #require(process.processID)
        process.suspend()
        #expect(comesTrue { state(of: pid) == "T" })
        process.resume()
        #expect(comesTrue { state(of: pid) != "T" })
    }

    @Test("A child process ends with its exit code, or with the signal that ended it", .timeLimit(.minutes(1)))
    func childProcess() async throws {
        let child = try ChildProcess.start(["/bin/sh", "-c", "exit 7"], log: "/dev/null")
        #expect(await child.wait() == 7)
        #expect(!child.isRunning)
        let sleeper = try ChildProcess.start(["/bin/sleep", "600"], log: "/dev/null")
        #expect(sleeper.isRunning)
        sleeper.signal(SIGKILL)
        #expect(await sleeper.wait() == 128 + SIGKILL)
    }

    @Test("A program that does not exist is an error that names it") func missingProgram() async throws {
        let child = try ChildProcess.start(["/no/such/program"], log: "/dev/null")
        #expect(await child.wait() == 127, "setpriv says: command not found")
        #expect(throws: LocalStackError.self) {
            try ChildProcess.start(["/no/such/program"], log: "/dev/null", staysBehind: true)
        }
    }

    /// Signals take effect soon, not at once.
    private func comesTrue(_ condition: () -> Bool) -> Bool {
        for _ in 0..<500 where !condition() { usleep(10_000) }
        return condition()
    }

    /// Third field of /proc/PID/stat.
    private func state(of pid: pid_t) -> Substring? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let close = text.lastIndex(of: ")")
        else { return nil }
        return text[text.index(after: close)...].split(separator: " ").first
    }
}
