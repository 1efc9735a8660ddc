/// A non-blocking stream of bytes to the target: a socket, or a TLS session over one. Closed when the last reference
/// goes.
protocol ByteStream: AnyObject {
    /// The socket, for the poller.
    var descriptor: Int32 { get }
    /// Whether the poller must also watch for room to write before the next step of the handshake or of a write.
    var wantsWrite: Bool { get }
    /// Goes on with connecting (and the TLS handshake) after the socket became ready.
    func connect() -> StreamState
    /// Reads what is there.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamTransfer
    /// Writes what fits.
    func send(_ bytes: UnsafeRawBufferPointer) -> StreamTransfer
    /// Bytes already taken off the socket that the next `receive` gives without it becoming ready again.
    var hasPendingInput: Bool { get }
    /// Says goodbye (close_notify) before the descriptor goes.
    func shutDown()
}

/// Where connecting stands.
enum StreamState {
    /// The handshake needs the socket to become readable, or writable where `wantsWrite` is set.
    case pending
    /// Bytes may flow.
    case open
    /// Refused, timed out, or not to be trusted: why, for reports.
    case failed(String)
}

/// What a read or write did.
enum StreamTransfer: Equatable {
    case bytes(Int)
    case wouldBlock
    /// The peer ended its side in order.
    case closed
    /// Reset, or a fault of TLS.
    case broken
}

/// Makes the streams of a run.
protocol StreamSource: AnyObject {
    /// Starts connecting to the endpoint; nil where it cannot even start (no descriptors).
    func connect() -> (any ByteStream)?
}

/// Plain TCP.
final class PlainStreamSource: StreamSource {
    private let endpoint: Endpoint

    init(_ endpoint: Endpoint) { self.endpoint = endpoint }

    func connect() -> (any ByteStream)? { TCPSocket(connectingTo: endpoint) }
}
