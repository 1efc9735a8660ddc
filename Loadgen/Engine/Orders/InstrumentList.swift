/// What the workload must know of an instrument; prices in milli-yuan.
public struct TradedInstrument: Sendable, Equatable {
    /// FIX tag 55.
    public var symbol: String
    /// The price that orders are placed around; a multiple of the tick.
    public var previousClose: Int64
    /// Smallest price step.
    public var tick: Int64
    /// Lowest price allowed today.
    public var limitDown: Int64
    /// Highest price allowed today.
    public var limitUp: Int64

    /// An instrument of those values.
    public init(symbol: String, previousClose: Int64, tick: Int64, limitDown: Int64, limitUp: Int64) {
        self.symbol = symbol
        self.previousClose = previousClose
        self.tick = tick
        self.limitDown = limitDown
        self.limitUp = limitUp
    }
}

/// The instruments of a run, read from CSV; their order is the one the holdings rule counts in.
public struct InstrumentList: Sendable, Equatable {
    /// The header line of the file.
    public static let header = "symbol,previous_close_milli,tick_milli,limit_down_milli,limit_up_milli"
    /// The most instruments of one file.
    public static let countMax = 100_000

    /// The instruments, in file order.
    public let instruments: [TradedInstrument]

    /// The instruments in the text of a CSV file.
    ///
    /// - Parameters:
    ///   - csv: the header line, then one line an instrument; no quoting.
    ///   - name: the file's name, for messages.
    /// - Throws: `LoadError` naming file and line.
    public init(csv: String, name: String) throws(LoadError) {
        var found: [TradedInstrument] = []
        var lineNumber = 0
        for line in csv.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            lineNumber += 1
            let place = "\(name):\(lineNumber)"
            if lineNumber == 1 {
                guard line == Self.header else { throw LoadError(.configuration, "\(place): expected \(Self.header)") }
                continue
            }
            if line.isEmpty { continue }
            guard found.count < Self.countMax else {
                throw LoadError(.configuration, "\(place): more than \(Self.countMax) instruments")
            }
            found.append(try Self.instrument(line, place))
        }
        guard !found.isEmpty else { throw LoadError(.configuration, "\(name): no instruments") }
        instruments = found
    }

    private static func instrument(_ line: Substring, _ place: String) throws(LoadError) -> TradedInstrument {
        let fields = line.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count == 5 else { throw LoadError(.configuration, "\(place): expected 5 fields") }
        let numbers = fields.dropFirst().compactMap { Int64($0) }
        guard numbers.count == 4 else { throw LoadError(.configuration, "\(place): a price is not a whole number") }
        let symbol = String(fields[0])
        guard (1...16).contains(symbol.utf8.count), symbol.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw LoadError(.configuration, "\(place): a symbol has 1 to 16 printable characters")
        }
        let found = TradedInstrument(
            symbol: symbol, previousClose: numbers[0], tick: numbers[1], limitDown: numbers[2], limitUp: numbers[3])
        guard found.tick > 0, found.limitDown > 0, found.limitDown <= found.previousClose,
            found.previousClose <= found.limitUp, found.limitUp < 1 << 31
        else { throw LoadError(.configuration, "\(place): expected 0 < limit_down <= close <= limit_up, tick > 0") }
        return found
    }
}
