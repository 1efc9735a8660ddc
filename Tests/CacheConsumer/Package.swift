// swift-tools-version: 6.2
import PackageDescription

/// A service author's package: what links the cache product of Springtide and nothing else of it.
let package = Package(
    name: "CacheConsumer",
    dependencies: [.package(name: "springtide", path: "../..")],
    targets: [
        .executableTarget(
            name: "CacheConsumer", dependencies: [.product(name: "CacheStack", package: "springtide")],
            swiftSettings: [
                .treatAllWarnings(as: .error),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            ])
    ]
)
