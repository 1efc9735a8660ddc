internal import FIX
internal import Glibc

/// One FIX session of the run: socket, session machine, buffers, and the open orders it placed.
@safe
final class Connection {
    enum State {
        /// Tries again at that monotonic time; never if it is nil.
        case down(retryAt: UInt64?)
        case connecting
        case loggingOn
        case up
    }

    static let inputCapacity = 1 << 18
    private static let sequenceMask = (1 << 13) - 1

    let index: Int
    let compID: [UInt8]
    let header: HeaderTemplate
    var state = State.down(retryAt: 0)
    var socket: TCPSocket?
    var machine: SessionMachine
    var writer = FrameWriter()
    /// Bytes of the writer already sent.
    private var written = 0
    /// Frames wait to be flushed.
    var isDirty = false
    /// The poller watches for room to write.
    var wantsWrite = false
    /// Logons in a row that were not answered.
    var failures = 0
    /// The last attempt to connect or log on did not succeed.
    var hasFailed = false
    var hasBeenUp = false
    /// Slots of open orders, in no order.
    var openOrders: [Int32] = []

    private let input: UnsafeMutableRawBufferPointer
    private var inputStart = 0
    private var inputEnd = 0
    private var slotOfSequence = [Int32](repeating: -1, count: Connection.sequenceMask + 1)

    init(index: Int, compID: String, configuration: SessionConfiguration) {
        self.index = index
        self.compID = Array(compID.utf8)
        header = configuration.header
        machine = SessionMachine(configuration)
        unsafe input = .allocate(byteCount: Self.inputCapacity, alignment: 16)
    }

    deinit { unsafe input.deallocate() }

    var isUp: Bool {
        if case .up = state { return true }
        return false
    }

    /// Forgets half-read and half-written bytes of the connection that ended.
    func clearBuffers() {
        inputStart = 0
        inputEnd = 0
        written = 0
        writer.removeAll()
        isDirty = false
        wantsWrite = false
    }

    // MARK: Output

    /// Writes what the socket takes; false when the connection is broken.
    func flush() -> Bool {
        isDirty = false
        guard let socket else { return false }
        while written < writer.count {
            let transfer = unsafe writer.withBytes { bytes in
                unsafe socket.send(UnsafeRawBufferPointer(rebasing: bytes[written...]))
            }
            switch transfer {
            case .bytes(let count): written += count
            case .wouldBlock: return true
            case .closed: return false
            }
        }
        writer.removeAll()
        written = 0
        return true
    }

    var hasUnsentBytes: Bool { written < writer.count }

    // MARK: Input

    /// Reads once; frames are then taken with `nextFrame`.
    func receive() -> TCPSocket.Transfer {
        guard let socket else { return .closed }
        if inputStart == inputEnd {
            inputStart = 0
            inputEnd = 0
        } else if inputEnd > Self.inputCapacity / 2 {
            unsafe input.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[inputStart..<inputEnd]))
            inputEnd -= inputStart
            inputStart = 0
        }
        let transfer = unsafe socket.receive(into: UnsafeMutableRawBufferPointer(rebasing: input[inputEnd...]))
        if case .bytes(let count) = transfer { inputEnd += count }
        return transfer
    }

    enum FrameOutcome {
        case parsed, none, broken
    }

    /// Parses the next whole frame into `fields`, skipping garbled ones.
    func nextFrame(into fields: inout FieldIndex) -> FrameOutcome {
        while inputStart < inputEnd {
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: input[inputStart..<inputEnd])
            switch unsafe FrameScanner.scan(bytes) {
            case .needMore: return .none
            case .oversized: return .broken
            case .garbled(let count): inputStart += count
            case .frame(let length):
                inputStart += length
                if unsafe fields.parse(UnsafeRawBufferPointer(rebasing: bytes[..<length])) == .parsed { return .parsed }
            }
        }
        return .none
    }

    // MARK: Requests by sequence number

    /// Remembers which request a frame carries, so that a Reject (45=RefSeqNum) finds it.
    func note(_ sequence: UInt64, _ slot: Int32) { slotOfSequence[Int(sequence) & Self.sequenceMask] = slot }

    func slot(ofSequence sequence: Int64) -> Int32 { slotOfSequence[Int(sequence) & Self.sequenceMask] }
}
