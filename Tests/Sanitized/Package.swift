// swift-tools-version: 6.2
import PackageDescription

/// The cache stack and its tests alone, for builds with a sanitizer; the folders are links to those of the repository.
///
/// A package of its own, since SwiftPM builds all test targets of a package or none: here neither the trading services
/// nor swift-nio are compiled. Settings and dependencies are those of the repository's manifest.
let wrapper: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
let strict = wrapper + [.strictMemorySafety()]
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "springtide",
    dependencies: [.package(url: "https://github.com/apple/swift-log", exact: "1.16.2")],
    targets: [
        .target(name: "Telemetry", dependencies: [logging], path: "Sources/Telemetry", swiftSettings: strict),
        .target(name: "CProcessor", path: "Sources/CProcessor"),
        .target(
            name: "CacheStack", dependencies: ["CProcessor", "Telemetry"], path: "Sources/CacheStack",
            swiftSettings: strict),
        // Linked into the one test program, whichever test needs it.
        .target(name: "SeenMutex", path: "SeenMutex"),
    ]
)

/// What tests share, then the tests; with what they need beside it.
let shared: [(name: String, dependencies: [Target.Dependency])] = [
    ("TestData", []),
    ("TierConformance", ["CacheStack"]),
]
let tests: [(name: String, dependencies: [Target.Dependency])] = [
    ("SanitizerTests", ["SeenMutex"]),
    ("CacheStackTests", ["CacheStack", "Telemetry", "TierConformance", "TestData"]),
]
package.targets += shared.map {
    .target(name: $0.name, dependencies: $0.dependencies, path: "Tests/\($0.name)", swiftSettings: wrapper)
}
package.targets += tests.map {
    .testTarget(name: $0.name, dependencies: $0.dependencies, path: "Tests/\($0.name)", swiftSettings: wrapper)
}
