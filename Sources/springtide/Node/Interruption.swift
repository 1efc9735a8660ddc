internal import Dispatch
internal import Foundation

/// SIGINT and SIGTERM as an asynchronous event: the first one asks for a graceful end.
enum Interruption {
    /// Runs `body`, cancelled by the first SIGINT or SIGTERM.
    static func cancelling<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T {
        let task = Task(name: "main") { try await body() }
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { task.cancel() }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        return try await task.value
    }

    /// Calls `body` at each SIGHUP, one call at a time, until the source is cancelled; then SIGHUP does nothing.
    static func onHangup(_ body: @escaping @Sendable () -> Void) -> any DispatchSourceSignal {
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: DispatchQueue(label: "hangup"))
        source.setEventHandler(handler: body)
        source.resume()
        return source
    }

    /// Waits for the first SIGINT or SIGTERM.
    static func wait() async {
        _ = try? await cancelling {
            while !Task.isCancelled { try await Task.sleep(for: .seconds(3_600)) }
        }
    }
}
