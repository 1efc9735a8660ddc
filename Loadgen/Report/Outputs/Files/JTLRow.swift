internal import Engine

/// The columns of JMeter's CSV result files.
public enum JTLDialect: String, Sendable, CaseIterable {
    /// JMeter 3 and later.
    case current = "5"
    /// JMeter 2.13: the same without `sentBytes`, which it would refuse with the whole header.
    case old = "2.13"

    /// The first line.
    public var header: String {
        "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,"
            + (self == .current ? "sentBytes," : "") + "grpThreads,allThreads,URL,Latency,IdleTime,Connect"
    }
}

/// From when on the times of a JTL count.
public enum JTLTime: String, Sendable, CaseIterable {
    /// When the request was due: waiting before the send is in `elapsed`.
    case intended
    /// When it was sent, as JMeter counts.
    case service
}

/// Turns finished requests into rows.
struct JTLRow {
    let dialect: JTLDialect
    let time: JTLTime
    /// Names by index.
    let operations: [[UInt8]]
    /// Names by index.
    let scenarios: [[UInt8]]
    let threads: Int

    init(_ facts: PlanFacts, dialect: JTLDialect, time: JTLTime) {
        self.dialect = dialect
        self.time = time
        operations = facts.operations.map { Array($0.utf8) }
        scenarios = facts.scenarios.map { Array($0.name.utf8) }
        threads = facts.connections
    }

    /// Appends the row of a request; `origin` is the run's start in microseconds since 1970.
    ///
    /// A thread is a connection, number 0 for what was never sent. The whole answer is read at once: `Latency` is
    /// `elapsed`. Answers that refuse by a business rule are successes.
    func append(_ sample: RequestSample, origin: Int64, to bytes: inout [UInt8]) {
        let begin = time == .intended ? sample.intended : sample.sent
        let elapsed = sample.done > begin ? (sample.done - begin) / 1_000_000 : 0
        number((origin + Int64(begin / 1_000)) / 1_000, &bytes)
        number(Int64(elapsed), &bytes)
        field(operations.indices.contains(sample.operation) ? operations[sample.operation] : [], &bytes)
        field(Self.code(sample), &bytes)
        text(sample.outcome.name, &bytes)
        field(
            (scenarios.indices.contains(sample.scenario) ? scenarios[sample.scenario] : [])
                + Array(" 1-\(sample.connection + 1)".utf8), &bytes)
        text("text", &bytes)
        text(sample.outcome.isError ? "false" : "true", &bytes)
        field(sample.outcome == .ok ? [] : Array(sample.reason.utf8), &bytes)
        number(Int64(sample.bytesIn), &bytes)
        if dialect == .current { number(Int64(sample.bytesOut), &bytes) }
        for _ in 0..<2 { number(Int64(threads), &bytes) }
        text("", &bytes)
        number(sample.outcome.isAnswered ? Int64(elapsed) : 0, &bytes)
        number(0, &bytes)
        bytes += [UInt8(ascii: "0"), UInt8(ascii: "\n")]
    }

    /// The status of an HTTP answer where a reason names it, 200 for right answers, else the first word of the reason.
    private static func code(_ sample: RequestSample) -> [UInt8] {
        if sample.outcome == .ok { return Array("200".utf8) }
        let reason = sample.reason.hasPrefix("status ") ? sample.reason.dropFirst(7) : sample.reason[...]
        return Array((reason.split(separator: " ").first ?? Substring(sample.outcome.name)).utf8)
    }

    private func number(_ value: Int64, _ bytes: inout [UInt8]) {
        var rest = value.magnitude
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        bytes[start...].reverse()
        bytes.append(UInt8(ascii: ","))
    }

    private func text(_ text: String, _ bytes: inout [UInt8]) {
        bytes += text.utf8
        bytes.append(UInt8(ascii: ","))
    }

    /// A field of any bytes: in quotes where it holds a comma, a quote or a line's end, quotes doubled.
    private func field(_ value: [UInt8], _ bytes: inout [UInt8]) {
        let needsQuotes = value.contains { $0 == 0x2C || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D }
        if needsQuotes {
            bytes.append(0x22)
            for byte in value { bytes += byte == 0x22 ? [0x22, 0x22] : [byte] }
            bytes.append(0x22)
        } else {
            bytes += value
        }
        bytes.append(UInt8(ascii: ","))
    }
}
