import Foundation
import Glibc
import Testing

/// The program itself, as a child process: exit codes and files.
@Suite("loadgen run", .serialized)
final class CommandTests {
    private var folders: [String] = []

    deinit { for folder in folders { try? FileManager.default.removeItem(atPath: folder) } }

    private struct Run {
        var status: Int32
        var output: String
        var errors: String
    }

    /// The program lies beside the test bundle.
    private func program() throws -> String {
        let bundle = try #require(CommandLine.arguments.first { $0.hasSuffix(".xctest") }, "no test bundle named")
        let folder = bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return folder + "/loadgen"
    }

    private func folder() -> String {
        let path = "/tmp/springtide-loadgen-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        mkdir(path, 0o755)
        folders.append(path)
        return path
    }

    /// - Parameter signal: sent once the child has said something on standard error.
    private func run(_ arguments: [String], in folder: String, signal: Int32? = nil) throws -> Run {
        let program = try program()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_addopen(&actions, 1, folder + "/out", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, folder + "/err", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pointers = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var child = pid_t()
        let spawned = posix_spawn(&child, program, &actions, &attributes, &pointers, environ)
        try #require(spawned == 0, "cannot start \(program)")
        if let signal {
            for _ in 0..<500 where (Samples.text(folder + "/err") ?? "").isEmpty { usleep(10_000) }
            usleep(300_000)
            kill(child, signal)
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        return Run(
            status: status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F),
            output: Samples.text(folder + "/out") ?? "", errors: Samples.text(folder + "/err") ?? "")
    }

    private func write(_ text: String, _ path: String) {
        guard let file = fopen(path, "w") else { return }
        fputs(text, file)
        fclose(file)
    }

    /// A folder with instruments, and the arguments of a short run.
    private func setUp(_ port: UInt16, _ more: [String]) -> (folder: String, arguments: [String]) {
        let folder = folder()
        write(Samples.instruments(10), folder + "/instruments.csv")
        let arguments = [
            "run", "--rate", "200", "--duration", "500ms", "--target", "127.0.0.1:\(port)", "--sessions", "2",
            "--accounts", "50", "--instruments", folder + "/instruments.csv",
        ]
        return (folder, arguments + more)
    }

    @Test("A run that holds its thresholds writes its files; 0, or 120 where this machine was the limit")
    func passes() throws {
        let acceptor = try LoopbackAcceptor()
        defer { acceptor.stop() }
        var (folder, arguments) = setUp(
            acceptor.port, ["--threshold", "errors==0 and p(99)<9s", "--password", "s3cret"])
        arguments += ["--json", folder + "/s.json", "--html", folder + "/r.html", "--ack-log", folder + "/ack.csv"]
        let run = try run(arguments, in: folder)
        #expect(run.status == 0 || run.status == 120, "\(run.errors)")
        #expect(run.output.contains("ok   errors==0"))
        let json = try #require(Samples.text(folder + "/s.json"))
        #expect(json.contains("\"verdict\": \"\(run.status == 0 ? "pass" : "generator_limited")\""))
        #expect(!json.contains("s3cret"), "the password is masked")
        #expect(try #require(Samples.text(folder + "/r.html")).hasSuffix("</html>\n"))
        let lines = try #require(Samples.text(folder + "/ack.csv")).split(separator: "\n")
        #expect(lines.count == acceptor.received.count && lines.count > 50)
    }

    @Test("A failed threshold is 99, and named")
    func fails() throws {
        let acceptor = try LoopbackAcceptor()
        defer { acceptor.stop() }
        let (folder, arguments) = setUp(acceptor.port, ["--threshold", "throughput>=1000000"])
        let run = try run(arguments, in: folder)
        #expect(run.status == 99 && run.output.contains("FAIL throughput>=1000000"))
    }

    @Test("SIGINT and SIGTERM end a run in order, with its files, as 105", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let acceptor = try LoopbackAcceptor()
        defer { acceptor.stop() }
        var (folder, arguments) = setUp(acceptor.port, [])
        arguments += ["--duration", "60s", "--json", folder + "/s.json", "--ack-log", folder + "/ack.csv"]
        arguments.removeSubrange(3..<5)
        let run = try run(arguments, in: folder, signal: signal)
        #expect(run.status == 105, "\(run.errors)")
        #expect(try #require(Samples.text(folder + "/s.json")).contains("\"verdict\": \"interrupted\""))
        let lines = try #require(Samples.text(folder + "/ack.csv")).split(separator: "\n")
        #expect(lines.count == acceptor.received.count)
    }

    @Test(
        "Bad options and scenarios are 104 with one line that says what is wrong",
        arguments: [
            (["--threshold", "p(99)<"], "threshold \"p(99)<\", column 7"), (["--mix", "new=x"], "--mix"),
            (["--target", "10.0.0.1:80"], "--allow-remote"), (["--target", "nowhere"], "not a numeric address"),
            (["--sessions", "20001"], "--sessions must be a whole number in 1...20000"),
            (["--timeout", "5"], "--timeout"),
            (["--arrivals", "sometimes"], "poisson, poisson-exact, even"),
            (["--instruments", "/nonexistent.csv"], "/nonexistent.csv"),
            (["--scenario", "/nonexistent.yaml"], "/nonexistent.yaml"), (["--marketable", "1.5"], "--marketable"),
        ])
    func refuses(options: [String], message: String) throws {
        let (folder, arguments) = setUp(1, [])
        var kept = arguments
        if let index = kept.firstIndex(of: options[0]) { kept.removeSubrange(index...index + 1) }
        let run = try run(kept + options, in: folder)
        #expect(run.status == 104)
        #expect(run.errors.contains(message) && run.errors.split(separator: "\n").count == 1, "\(run.errors)")
    }

    @Test("A scenario file drives a run, options override it, and unknown keys are 104")
    func scenario() throws {
        let acceptor = try LoopbackAcceptor()
        defer { acceptor.stop() }
        let (folder, _) = setUp(acceptor.port, [])
        let text = """
            version: 1
            name: From a file
            target: {address: 127.0.0.1:1, sessions: 3}
            stages: [{rate: 100, over: 200ms}, {rate: 100, hold: 300ms}]
            accounts: {count: 50}
            instruments: {file: \(folder)/instruments.csv}
            thresholds: [requests>=10]
            outputs: {json: \(folder)/s.json}

            """
        write(text, folder + "/s.yaml")
        let target = ["--target", "127.0.0.1:\(acceptor.port)"]
        let good = try run(["run", "--scenario", folder + "/s.yaml"] + target, in: folder)
        #expect(good.status == 0 || good.status == 120, "\(good.errors)")
        #expect(Set(acceptor.received.map(\.session)) == ["LG1", "LG2", "LG3"])
        #expect(try #require(Samples.text(folder + "/s.json")).contains("From a file"))
        write(text + "sedd: 1\n", folder + "/s.yaml")
        let bad = try run(["run", "--scenario", folder + "/s.yaml"] + target, in: folder)
        #expect(bad.status == 104)
        #expect(bad.errors == "loadgen: \(folder)/s.yaml:9:1: unknown key sedd; did you mean seed?\n")
    }

    @Test("Nobody listening is 1, with the address")
    func nobodyListening() throws {
        let acceptor = try LoopbackAcceptor()
        let port = acceptor.port
        acceptor.stop()
        let (folder, arguments) = setUp(port, [])
        let run = try run(arguments, in: folder)
        #expect(run.status == 1 && run.errors.contains("127.0.0.1:\(port)"), "\(run.errors)")
    }

    @Test("Help shows an example, the exit codes and the version")
    func help() throws {
        let folder = folder()
        let run = try run(["run", "--help"], in: folder)
        #expect(run.status == 0 && run.output.contains("loadgen run --rate 15000"))
        let top = try self.run(["--help"], in: folder)
        #expect(top.output.contains("120 thresholds hold"))
    }
}
