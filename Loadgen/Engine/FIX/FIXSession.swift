internal import FIX
internal import Glibc

/// One FIX session of the run: stream, session machine, buffers, and the orders it placed.
@safe
final class FIXSession {
    enum State {
        /// Tries again at that monotonic time; never if it is nil.
        case down(retryAt: UInt64?)
        case connecting
        case loggingOn
        case up
    }

    let index: Int
    let compID: [UInt8]
    let header: HeaderTemplate
    var state = State.down(retryAt: 0)
    var stream: (any ByteStream)?
    var machine: SessionMachine
    var writer = FrameWriter()
    /// Bytes of the writer already sent.
    private var written = 0
    /// Frames wait to be flushed.
    var isDirty = false
    /// The poller watches for room to write.
    var watchesWriting = false
    /// Logons in a row that were not answered.
    var failures = 0
    /// Why the last attempt to connect or log on did not succeed; empty where it did.
    var failure = ""
    var hasBeenUp = false
    /// Slots of open orders, in no order.
    var openOrders: [Int32] = []
    /// Requests in flight: how many, and the first of their list.
    var inFlight = 0
    var firstInFlight: Int32 = -1

    private let input: UnsafeMutableRawBufferPointer
    private var inputStart = 0
    private var inputEnd = 0
    private var slotOfSequence: [Int32]
    private let sequenceMask: Int

    /// - Parameters:
    ///   - inputCapacity: bytes of the input buffer, at least four frames.
    ///   - sequences: how many frames back a Reject may refer, a power of two.
    init(index: Int, compID: String, configuration: SessionConfiguration, inputCapacity: Int, sequences: Int) {
        self.index = index
        self.compID = Array(compID.utf8)
        header = configuration.header
        machine = SessionMachine(configuration)
        unsafe input = .allocate(byteCount: inputCapacity, alignment: 16)
        slotOfSequence = [Int32](repeating: -1, count: sequences)
        sequenceMask = sequences - 1
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
        watchesWriting = false
    }

    // MARK: Output

    /// Writes what the stream takes; false when the connection is broken.
    func flush() -> Bool {
        isDirty = false
        guard let stream else { return false }
        while written < writer.count {
            let transfer = unsafe writer.withBytes { bytes in
                unsafe stream.send(UnsafeRawBufferPointer(rebasing: bytes[written...]))
            }
            switch transfer {
            case .bytes(let count): written += count
            case .wouldBlock: return true
            case .closed, .broken: return false
            }
        }
        writer.removeAll()
        written = 0
        return true
    }

    var hasUnsentBytes: Bool { written < writer.count }

    // MARK: Input

    /// Whether the last read filled the buffer, so that more is likely there.
    var isInputFull: Bool { unsafe inputEnd == input.count }

    /// Reads once; frames are then taken with `nextFrame`.
    func receive() -> StreamTransfer {
        guard let stream else { return .closed }
        if inputStart == inputEnd {
            inputStart = 0
            inputEnd = 0
        } else if unsafe inputEnd > input.count / 2 {
            unsafe input.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[inputStart..<inputEnd]))
            inputEnd -= inputStart
            inputStart = 0
        }
        let transfer = unsafe stream.receive(into: UnsafeMutableRawBufferPointer(rebasing: input[inputEnd...]))
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
    func note(_ sequence: UInt64, _ slot: Int32) { slotOfSequence[Int(sequence & UInt64(sequenceMask))] = slot }

    func slot(ofSequence sequence: Int64) -> Int32 {
        slotOfSequence[Int(UInt64(bitPattern: sequence) & UInt64(sequenceMask))]
    }
}
