internal import Foundation
public import LocalStack
internal import Synchronization

/// The real servers of a test run: started by the first test that asks, shared by all, gone when the process ends.
///
/// Tests keep apart by key: each takes a database of its own (`CREATE DATABASE ... TEMPLATE`) and an epoch or space
/// of its own in Redis.
public enum TestServers {
    private static let started = Mutex<Result<LocalStack, LocalStackError>?>(nil)

    /// The shared stack: a 3-node Redis Cluster and a PostgreSQL with relaxed durability.
    public static var shared: LocalStack {
        get throws(LocalStackError) {
            try started.withLock { result in
                if let result { return result }
                let fresh = Result { () throws(LocalStackError) in try LocalStack(durability: .relaxed) }
                result = fresh
                return fresh
            }.get()
        }
    }

    /// Whether the tests can run; where `CI` is set they always do, and fail if a program is missing.
    public static var areInstalled: Bool {
        LocalStack.missingPrograms.isEmpty || ProcessInfo.processInfo.environment["CI"] != nil
    }
}
