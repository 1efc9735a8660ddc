/// The encoded commands of one call, and where each goes.
///
/// A value, so that a caller writes it without the checks that the fields of an object pay for.
struct CommandList {
    /// All commands one after another; command i ends at `ends[i]`.
    private(set) var request: [UInt8] = []
    private(set) var ends: [Int32] = []
    /// Slot of each command in a cluster, node in a ring.
    private(set) var routes: [UInt16] = []

    /// No commands, and room for `capacity` of them.
    init(capacity: Int, bytesPerCommand: Int) {
        request.reserveCapacity(capacity * bytesPerCommand)
        ends.reserveCapacity(capacity)
        routes.reserveCapacity(capacity)
    }

    /// Number of commands.
    var count: Int { ends.count }

    /// Adds a command that `body` encodes.
    @inline(__always)
    mutating func append(route: UInt16, _ body: (inout [UInt8]) -> Void) {
        body(&request)
        ends.append(Int32(request.count))
        routes.append(route)
    }

    /// The bytes of a command.
    func command(_ index: Int) -> Range<Int> {
        (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }

    /// The bytes of a run of commands.
    func commands(_ run: Range<Int>) -> Range<Int> {
        command(run.lowerBound).lowerBound..<Int(ends[run.upperBound - 1])
    }
}
