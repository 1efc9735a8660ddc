/// One entry of a stream as it was read.
public struct StreamEntry: Sendable, Hashable {
    /// Key of the stream.
    public var stream: String
    /// Its id, `milliseconds-sequence`.
    public var id: String
    /// Value of its field `b`; empty where it has none.
    public var payload: [UInt8]
    /// How often it was handed to a consumer, this time included.
    public var deliveries: Int

    /// An entry.
    public init(stream: String, id: String, payload: [UInt8], deliveries: Int = 1) {
        self.stream = stream
        self.id = id
        self.payload = payload
        self.deliveries = deliveries
    }
}

/// What became of an entry that was to be appended.
public enum StreamAppend: Sendable, Hashable {
    /// It is in the stream.
    case appended
    /// The stream holds as many entries as it may; nothing was written.
    case full
    /// Redis did not answer: it is in the stream or not. The text is safe to log.
    case unknown(String)
}

/// The members of a group of processes at one moment.
public struct StreamMembers: Sendable, Hashable {
    /// Grows by one with every change of the set; starts again after Redis lost its data.
    public var epoch: UInt64
    /// Names with the facts they told of themselves, ascending by name.
    public var members: [Member]

    /// One process.
    public struct Member: Sendable, Hashable {
        /// Its name.
        public var name: String
        /// What it told of itself.
        public var facts: String
    }
}

/// How much lies in a stream.
public struct StreamDepth: Sendable, Hashable {
    /// Entries in it: those that no one has read and those that no one has acknowledged.
    public var length: Int
}
