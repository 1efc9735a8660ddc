// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours; the C wrappers leave strict memory safety out, the unsafe boundary is their whole purpose.
let wrapper: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
let strict = wrapper + [.strictMemorySafety()]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let http = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let tls = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let yaml = Target.Dependency.product(name: "Yams", package: "Yams")
let nio: [Target.Dependency] = ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOWebSocket"].map {
    .product(name: $0, package: "swift-nio")
}

let package = Package(
    name: "springtide",
    products: [
        .library(name: "CacheStack", targets: ["CacheStack", "RedisTier", "PostgresTier"]),
        .executable(name: "springtide", targets: ["springtide"]),
        .executable(name: "loadgen", targets: ["loadgen"]),
        .executable(name: "autoscaler", targets: ["autoscaler"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
    ],
    targets: [
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CPostgres", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CLinux"),

        .target(name: "Telemetry", dependencies: [logging], swiftSettings: strict),
        .target(name: "Settings", dependencies: [yaml], swiftSettings: strict),
        .target(name: "TLS", dependencies: ["COpenSSL"], swiftSettings: wrapper),
        .target(name: "CProcessor"),
        .target(name: "CacheStack", dependencies: ["CProcessor", "Telemetry"], swiftSettings: strict),
        .target(
            name: "RedisTier", dependencies: ["CacheStack", "CHiredis", "TLS", "Telemetry"], swiftSettings: wrapper
        ),
        .target(name: "PostgresTier", dependencies: ["CacheStack", "CPostgres", "Telemetry"], swiftSettings: wrapper),
        .target(name: "LocalStack", swiftSettings: wrapper),

        .target(name: "Learning", dependencies: ["COpenBLAS"], swiftSettings: strict),
        .target(name: "Forecasting", dependencies: ["Learning"], swiftSettings: strict),
        .target(name: "Autoscaling", dependencies: ["Forecasting", "Learning", "Telemetry"], swiftSettings: strict),
        .target(
            name: "Actuation", dependencies: ["Autoscaling", "Telemetry", http, tls] + nio, swiftSettings: strict),
        .executableTarget(
            name: "autoscaler",
            dependencies: [
                "Actuation", "Autoscaling", "Forecasting", "Learning", "LocalStack", "Settings", "Telemetry",
                argumentParser,
            ],
            swiftSettings: strict),
        .target(name: "Market", swiftSettings: strict),
        .target(name: "Matching", dependencies: ["Market"], swiftSettings: strict),
        .target(name: "Risk", dependencies: ["Market"], swiftSettings: strict),
        .target(name: "Ledger", dependencies: ["Market"], swiftSettings: strict),
        .target(
            name: "Services",
            dependencies: ["CacheStack", "Ledger", "Market", "Matching", "Risk", "Telemetry", logging],
            swiftSettings: strict),
        .target(name: "FIX", swiftSettings: strict),
        .target(
            name: "Gateway", dependencies: ["FIX", "Market", "Telemetry", logging] + nio, swiftSettings: strict),
        .executableTarget(
            name: "springtide",
            dependencies: [
                "CacheStack", "Gateway", "Ledger", "LocalStack", "Market", "Matching", "PostgresTier", "RedisTier",
                "Risk", "Services", "Settings", "Telemetry", argumentParser, logging,
            ],
            swiftSettings: strict),

        .target(name: "Arrivals", path: "Loadgen/Arrivals", swiftSettings: strict),
        .target(
            name: "Engine", dependencies: ["Arrivals", "CLinux", "FIX", "TLS", "Telemetry"], path: "Loadgen/Engine",
            swiftSettings: strict),
        .target(
            name: "Scenario", dependencies: ["Arrivals", "Engine", "Settings"], path: "Loadgen/Scenario",
            swiftSettings: strict),
        .target(
            name: "Report", dependencies: ["Arrivals", "Engine", "Telemetry"], path: "Loadgen/Report",
            swiftSettings: strict),
        .executableTarget(
            name: "loadgen",
            dependencies: ["Arrivals", "Engine", "Report", "Scenario", "Settings", "Telemetry", argumentParser],
            path: "Loadgen/CLI", swiftSettings: strict),
    ]
)

/// Test targets by what they need beside their module.
let tests: [(name: String, dependencies: [Target.Dependency])] = [
    ("TelemetryTests", ["Telemetry", logging, "TestData"]),
    ("CacheStackTests", ["CacheStack", "Telemetry", "TierConformance", "TestData"]),
    (
        "RedisTierTests",
        [
            "CacheStack", "LocalStack", "RedisTier", "Telemetry", "TestCertificates", "TestData", "TestServers",
            "TierConformance",
        ]
    ),
    ("PostgresTierTests", ["CacheStack", "LocalStack", "PostgresTier", "Telemetry", "TestServers", "TestData"]),
    ("LocalStackTests", ["LocalStack", "TestServers"]),
    ("MarketTests", ["Market", "TestData"]),
    ("MatchingTests", ["Market", "Matching", "TestData"]),
    ("RiskTests", ["Market", "Risk", "TestData"]),
    ("LedgerTests", ["Ledger", "Market", "TestData"]),
    ("ServicesTests", ["CacheStack", "Ledger", "Market", "Matching", "Risk", "Services", "Telemetry", "TestData"]),
    ("FIXTests", ["FIX", "TestData"]),
    ("GatewayTests", ["FIX", "Gateway", "Market", "Telemetry", logging] + nio),
    ("SettingsTests", ["Settings"]),
    ("TLSTests", ["TLS", "TestCertificates", "TestData"]),
    ("ArrivalsTests", ["Arrivals", "MallocCount", "TestData"]),
    ("EngineTests", ["Arrivals", "Engine", "FIX", "TLS", "Telemetry", "TestCertificates", "TestData", "loadgen"]),
    ("ScenarioTests", ["Arrivals", "Engine", "Scenario", "Settings", "loadgen"]),
    ("ReportTests", ["Arrivals", "Engine", "Report", "Telemetry", "TestData", "loadgen"]),
    (
        "ProgramTests",
        [
            "Autoscaling", "CacheStack", "LocalStack", "Market", "PostgresTier", "RedisTier", "Services", "Telemetry",
            "TestKubernetes", "TestServers", "autoscaler", "loadgen", "springtide",
        ]
    ),
    ("HistoryCheckerTests", ["HistoryChecker", "TestData"]),
    ("ModelCheckTests", []),
    (
        "SimulationTests",
        ["CacheStack", "LocalStack", "PostgresTier", "RedisTier", "Simulation", "Telemetry", "TestServers"]
    ),
    ("ForecastingTests", ["Forecasting", "Learning", "TestData", "autoscaler"]),
    ("AutoscalingTests", ["Autoscaling", "Forecasting", "Learning", "Telemetry", "TestData", "autoscaler"]),
    (
        "ActuationTests",
        [
            "Actuation", "Autoscaling", "LocalStack", "Telemetry", "TestCertificates", "TestData", "TestKubernetes",
            yaml,
        ]
    ),
    ("NemesisTests", ["LocalStack", "TestServers", "nemesis"]),
    ("TidyTests", []),
]

/// Programs of `make bench`: each prints the figures of one part beside a peer's.
let benchmarks: [(name: String, dependencies: [Target.Dependency])] = [
    ("MatchingBenchmark", ["Market", "Matching"]),
    ("RiskBenchmark", ["Market", "Risk"]),
    ("RedisBenchmark", ["CacheStack", "LocalStack", "RedisTier", "Telemetry"]),
    ("CommitBenchmark", ["CacheStack", "CPostgres", "LocalStack", "PostgresTier", "Telemetry"]),
    ("CacheBenchmark", ["CacheStack", "MallocCount"]),
    ("OutageBenchmark", ["CacheStack", "LocalStack", "PostgresTier", "RedisTier", "Telemetry"]),
    ("GatewayBenchmark", ["FIX", "Gateway", "Market", "Telemetry", logging] + nio),
    ("LearningBenchmark", ["Learning"]),
    ("ForecastBenchmark", ["Forecasting", "Learning"]),
    ("ReinforcementBenchmark", ["Learning"]),
    ("SimulatorBenchmark", ["Autoscaling"]),
    ("HybridBenchmark", ["Autoscaling", "Learning"]),
    ("CalibrationBenchmark", ["CacheStack", "LocalStack", "Market", "PostgresTier", "Services", "Telemetry"]),
    ("DecisionBenchmark", ["Autoscaling"]),
    ("LoadgenBenchmark", ["Arrivals", "CLinux", "Engine", "FIX", "MallocCount", "Telemetry"]),
]

package.targets += [
    .target(name: "TestData", path: "Tests/TestData", swiftSettings: wrapper),
    .target(name: "TestCertificates", path: "Tests/TestCertificates", swiftSettings: wrapper),
    .target(
        name: "TestKubernetes", dependencies: ["Actuation", tls] + nio, path: "Tests/TestKubernetes",
        swiftSettings: wrapper),
    .target(name: "TestServers", dependencies: ["LocalStack"], path: "Tests/TestServers", swiftSettings: wrapper),
    .target(
        name: "TierConformance", dependencies: ["CacheStack"], path: "Tests/TierConformance", swiftSettings: wrapper),
]
package.targets += [
    .target(
        name: "Simulation", dependencies: ["CacheStack", "HistoryChecker", "Telemetry", "TestData"],
        path: "Tests/Simulation", swiftSettings: wrapper),
    .testTarget(
        name: "LearningTests", dependencies: ["Learning", "MallocCount"], exclude: ["Fixtures"], swiftSettings: wrapper),
    .target(name: "HistoryChecker", path: "Tests/HistoryChecker", swiftSettings: wrapper),
    .executableTarget(
        name: "nemesis",
        dependencies: [
            "CacheStack", "HistoryChecker", "LocalStack", "PostgresTier", "RedisTier", "Telemetry", "TestData",
        ],
        path: "Tests/Nemesis", swiftSettings: wrapper),
]
package.targets.append(.target(name: "MallocCount", path: "Benchmarks/MallocCount"))
package.targets += tests.map {
    .testTarget(name: $0.name, dependencies: $0.dependencies, swiftSettings: wrapper)
}
package.targets += benchmarks.map {
    .executableTarget(
        name: $0.name, dependencies: $0.dependencies, path: "Benchmarks/\($0.name)", swiftSettings: wrapper)
}
