import Engine
import Foundation
import Glibc
import Report
import Testing

@Suite("JTL")
struct OutputsJTLTests {
    private static let start: Int64 = 1_700_000_000_000_000

    private func facts() throws -> PlanFacts { PlanFacts(try Samples.plan()) }

    private let template: RequestSample

    init() throws { template = try FinishedRequests.one() }

    private func sample(
        _ outcome: Outcome, intended: UInt64 = 1_500_000_000, sent: UInt64 = 1_502_000_000,
        done: UInt64 = 1_512_900_000,
        connection: Int = 2, reason: String = ""
    ) -> RequestSample {
        var sample = template
        (sample.intended, sample.sent, sample.done) = (intended, sent, done)
        (sample.outcome, sample.connection, sample.reason) = (outcome, connection, reason)
        (sample.bytesIn, sample.bytesOut) = (120, 80)
        return sample
    }

    private func write(
        _ samples: [RequestSample], _ dialect: JTLDialect, _ time: JTLTime = .intended
    ) throws -> [String] {
        let folder = TemporaryFolder()
        let writer = try JTLWriter(folder.file("a.jtl"), facts(), dialect: dialect, time: time, startedAt: Self.start)
        for sample in samples { writer.finished(sample) }
        #expect(try writer.finish() == samples.count)
        return try folder.text("a.jtl").split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test("both dialects have JMeter's columns in JMeter's order")
    func dialects() throws {
        let current = try write([sample(.ok)], .current)
        #expect(
            current == [
                "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,"
                    + "sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect",
                "1700000001500,12,order.new,200,ok,steady 1-3,text,true,,120,80,32,32,,12,0,0", "",
            ])
        let old = try write([sample(.ok)], .old)
        #expect(
            old == [
                "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,"
                    + "grpThreads,allThreads,URL,Latency,IdleTime,Connect",
                "1700000001500,12,order.new,200,ok,steady 1-3,text,true,,120,32,32,,12,0,0", "",
            ])
    }

    @Test("times count from the intended time, or from the send as JMeter counts")
    func times() throws {
        let service = try write([sample(.ok)], .old, .service)
        #expect(service[1].hasPrefix("1700000001502,10,order.new,"))
    }

    @Test("errors fail, business refusals do not, and a reason with commas and quotes is quoted")
    func outcomes() throws {
        let rows = try write(
            [
                sample(.timeout, reason: "no answer"), sample(.rejected, reason: "103=3 too \"late\", again"),
                sample(.error, reason: "status 503"),
                sample(
                    .dropped, sent: 1_600_000_000, done: 1_600_000_000, connection: -1, reason: "generator_overload"),
            ], .old)
        #expect(rows[1].contains(",no,timeout,steady 1-3,text,false,no answer,"))
        #expect(rows[2].contains(",103=3,rejected,steady 1-3,text,true,\"103=3 too \"\"late\"\", again\","))
        #expect(rows[3].contains(",503,error,steady 1-3,text,false,status 503,"))
        #expect(rows[4].hasPrefix("1700000001500,100,order.new,generator_overload,dropped,steady 1-0,text,false,"))
        #expect(rows[4].hasSuffix(",32,32,,0,0,0"))
    }

    @Test("without a start it is taken from the first request's end")
    func estimatedStart() throws {
        let folder = TemporaryFolder()
        let writer = try JTLWriter(folder.file("a.jtl"), facts(), dialect: .old)
        let before = Int64(Date().timeIntervalSince1970 * 1_000)
        writer.finished(sample(.ok, intended: 0, sent: 0, done: 1_000_000))
        let after = Int64(Date().timeIntervalSince1970 * 1_000)
        try writer.finish()
        let row = try folder.text("a.jtl").split(separator: "\n")[1]
        let stamp = try #require(Int64(row.split(separator: ",")[0]))
        #expect((before - 2...after).contains(stamp))
    }

    @Test("every request of many is a row, in order")
    func many() throws {
        let samples = (0..<10_007).map { sample(.ok, intended: UInt64($0) * 1_000_000) }
        let rows = try write(samples, .old).dropFirst().dropLast()
        #expect(rows.map { Int($0.split(separator: ",")[0]) } == (0..<10_007).map { Int(Self.start / 1_000) + $0 })
    }

    @Test("what a stuck disk does not take is counted and refused, never silently missing")
    func slowDisk() throws {
        let folder = TemporaryFolder()
        let pipe = folder.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let reader = open(pipe, O_RDONLY | O_NONBLOCK)
        try #require(reader >= 0)
        defer { close(reader) }
        let writer = try JTLWriter(pipe, facts(), dialect: .old, startedAt: Self.start, backlogMax: 2_048)
        let count = 8_192
        // The pipe holds 64 KiB, about 800 rows: the rest of 2,048 waits, what is beyond is lost.
        for index in 0..<count { writer.finished(sample(.ok, intended: UInt64(index))) }
        nonisolated(unsafe) var bytes: [UInt8] = []
        let draining = Thread {
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let got = read(reader, &chunk, chunk.count)
                if got > 0 { bytes += chunk[..<got] } else if got == 0 { break } else { usleep(1_000) }
            }
        }
        draining.start()
        let error = #expect(throws: OutputError.self) { try writer.finish() }
        while !draining.isFinished { usleep(1_000) }
        let rows = String(decoding: bytes, as: UTF8.self).split(separator: "\n").count - 1
        #expect(error?.code == .incomplete)
        #expect(rows >= 2_048 - 256 && rows < count)
        #expect(error?.description.contains(": \(count - rows) of \(count) requests are missing") == true)
    }

    @Test("a run that failed before its end leaves no file")
    func givenUp() throws {
        let folder = TemporaryFolder()
        do {
            let writer = try JTLWriter(folder.file("a.jtl"), facts())
            writer.finished(sample(.ok))
        }
        #expect(folder.names.isEmpty)
    }

    @Test("a disk that is full is an error")
    func fullDisk() throws {
        let writer = try JTLWriter("/dev/full", facts(), dialect: .old, startedAt: Self.start)
        writer.finished(sample(.ok))
        let error = #expect(throws: OutputError.self) { try writer.finish() }
        #expect(error?.description == "/dev/full: No space left on device")
    }

    @Test("several takers get every request")
    func fan() throws {
        final class Taker: SampleSink {
            var taken = 0
            func finished(_ sample: RequestSample) { taken += 1 }
        }
        let (one, two) = (Taker(), Taker())
        #expect(SampleFan.of([]) == nil)
        #expect(SampleFan.of([one]) === one)
        let fan = try #require(SampleFan.of([one, two]))
        fan.finished(sample(.ok))
        fan.finished(sample(.timeout))
        #expect((one.taken, two.taken) == (2, 2))
    }
}
