import Arrivals
import Engine
import FIX
import Glibc
import TLS
import Telemetry
import TestCertificates
import Testing

/// End to end over loopback sockets against `LoopbackAcceptor`; outcomes are asserted, never speeds.
@Suite("FIX target", .serialized)
struct FIXTargetTests {
    /// New orders, cancels and replaces by weight against an acceptor.
    private func plan(_ acceptor: LoopbackAcceptor, rate: Double = 400, seconds: Double = 0.5) throws -> LoadPlan {
        var plan = try Samples.orderPlan(port: acceptor.port)
        plan.scenarios = [
            ScenarioPlan(name: "open", mix: 0, executor: .arrivals(.poisson, .constant(rate, seconds: seconds)))
        ]
        return plan
    }

    private func run(
        _ acceptor: LoopbackAcceptor, _ change: (inout LoadPlan) -> Void = { _ in }
    ) throws -> RunResult {
        defer { acceptor.stop() }
        var plan = try plan(acceptor)
        change(&plan)
        return try LoadEngine(plan).run()
    }

    private func weigh(_ plan: inout LoadPlan, new: Double, cancel: Double, replace: Double) {
        plan.mixes[0].items = zip(0..<3, [new, cancel, replace]).map { (.operation($0), $1) }
    }

    @Test("Every arrival is sent, answered and counted once")
    func everyArrival() throws {
        let acceptor = try LoopbackAcceptor()
        let result = try run(acceptor)
        let scheduled = Array(ArrivalSchedule(.poisson, profile: .constant(400, seconds: 0.5), seed: 7)).count
        #expect(result.offered == scheduled && result.sent == scheduled && result.total == scheduled)
        #expect(result.count(.ok) == scheduled, "\(result.refusals)")
        #expect(acceptor.received.count == scheduled)
        #expect(Set(acceptor.received.map(\.clOrdID)).count == scheduled, "ids are unique")
        #expect(Set(acceptor.received.map(\.session)).count == 4)
        #expect(result.response.count == UInt64(scheduled) && result.lag.count == UInt64(scheduled))
        #expect(result.errors == 0 && result.refusals.isEmpty && !result.isInterrupted)
        #expect(result.series.reduce(0) { $0 + $1.sent } == scheduled)
        #expect(result.series.reduce(0) { $0 + $1.done } == scheduled)
    }

    @Test("FIX over mutual TLS: every request is answered; a stranger to the acceptor's authority is refused")
    func mutualTLS() throws {
        let certificates = try #require(TestCertificates.shared)
        var settings = TLSSettings(.server)
        settings.certificateFile = certificates.server.certificate
        settings.keyFile = certificates.server.key
        settings.authorityFile = certificates.authority
        var client = TLSPlan()
        client.authorityFile = certificates.authority
        client.certificateFile = certificates.client.certificate
        client.keyFile = certificates.client.key
        let acceptor = try LoopbackAcceptor(tls: settings)
        let result = try run(acceptor) { $0.target.tls = client }
        #expect(result.offered > 100 && result.count(.ok) == result.offered && result.errors == 0)
        #expect(acceptor.received.count == result.offered)
        client.certificateFile = nil
        client.keyFile = nil
        let refusing = try LoopbackAcceptor(tls: settings)
        let error = #expect(throws: LoadError.self) { try run(refusing) { $0.target.tls = client } }
        #expect(error?.code == .connection && refusing.received.isEmpty)
        let plain = try LoopbackAcceptor()
        #expect(throws: LoadError.self) { try run(plain) { $0.target.tls = client } }
    }

    @Test("Response time is never below service time, and both are there for every answer")
    func clocks() throws {
        let acceptor = try LoopbackAcceptor()
        let result = try run(acceptor)
        for operation in result.rows {
            #expect(operation.response.count == operation.service.count)
            for percentile in [1, 50, 99, 100] as [Double] {
                #expect(
                    operation.response.value(atPercentile: percentile)
                        >= operation.service.value(atPercentile: percentile))
            }
        }
    }

    @Test("Cancels and replaces name an order that was acknowledged on the same session and is not yet gone")
    func namesOpenOrders() throws {
        let acceptor = try LoopbackAcceptor()
        let result = try run(acceptor) { weigh(&$0, new: 40, cancel: 30, replace: 30) }
        var open: [String: String] = [:]
        for request in acceptor.received {
            if let original = request.origClOrdID {
                #expect(open[original] == request.session, "\(original) is not open on \(request.session)")
                open[original] = nil
            }
            if request.type != .orderCancelRequest { open[request.clOrdID] = request.session }
        }
        #expect(acceptor.received.contains { $0.type == .orderCancelReplaceRequest })
        #expect(result.rows[1].total > 0 && result.rows[2].total > 0)
    }

    @Test("Each kind of answer lands in its own outcome")
    func outcomes() throws {
        let acceptor = try LoopbackAcceptor { number, request in
            switch (request.type, number % 6) {
            case (.newOrderSingle, 1): .reject(3)
            case (.newOrderSingle, 2): .sessionReject
            case (.newOrderSingle, 3): .businessReject
            case (.newOrderSingle, 4): .fill
            case (.orderCancelRequest, 0...2): .cancelReject(1)
            case (.orderCancelReplaceRequest, 0...2): .cancelReject(99)
            default: .accept
            }
        }
        let result = try run(acceptor)
        let requests = Array(acceptor.received.enumerated())
        func count(_ type: MessageType, _ remainders: ClosedRange<Int>) -> Int {
            requests.count { $0.element.type == type && remainders.contains($0.offset % 6) }
        }
        let new = result.rows[0]
        #expect(new.count(.rejected) == count(.newOrderSingle, 1...1))
        #expect(new.count(.error) == count(.newOrderSingle, 2...3))
        #expect(result.rows[1].count(.tooLate) == count(.orderCancelRequest, 0...2))
        #expect(result.rows[2].count(.rejected) == count(.orderCancelReplaceRequest, 0...2))
        #expect(result.fills == count(.newOrderSingle, 4...4) && result.ordersTraded == result.fills)
        #expect(result.errors == new.count(.error), "rejects are not errors")
        #expect(result.total == requests.count)
        let reasons = Set(result.refusals.map(\.reason))
        #expect(reasons == ["103=3", "373=5", "380=4", "102=1", "102=99"])
        // Filled orders are not named afterwards.
        let filled = Set(
            requests.filter { $0.element.type == .newOrderSingle && $0.offset % 6 == 4 }
                .map(\.element.clOrdID))
        #expect(requests.allSatisfy { request in request.element.origClOrdID.map { !filled.contains($0) } ?? true })
    }

    @Test("An unanswered request times out and counts as an error as long as it waited")
    func timeouts() throws {
        let acceptor = try LoopbackAcceptor { number, _ in number % 10 == 0 ? .ignore : .accept }
        let result = try run(acceptor) { $0.target.timeoutNanoseconds = 200_000_000 }
        let ignored = (acceptor.received.count + 9) / 10
        #expect(result.count(.timeout) == ignored && result.errors == ignored)
        #expect(result.response.greatest >= 200_000_000)
        #expect(result.response.count(atOrBelow: 199_000_000) <= UInt64(result.total - ignored))
    }

    @Test("A lost session is logged on again where it was, and its unanswered requests are unknown")
    func reconnects() throws {
        let acceptor = try LoopbackAcceptor { number, _ in number == 60 ? .disconnect : .accept }
        let result = try run(acceptor) {
            $0.target.reconnects = true
            $0.scenarios[0].executor = .arrivals(.poisson, .constant(200, seconds: 1.5))
        }
        #expect(result.disconnects == 1 && result.reconnects == 1 && result.sequenceResets == 0)
        #expect(result.count(.unknown) >= 1)
        #expect(result.total == result.offered)
        #expect(result.count(.ok) + result.count(.unknown) == result.total)
        let after = acceptor.received.dropFirst(120)
        #expect(Set(after.map(\.session)).count == 4, "the lost session serves again")
    }

    @Test("Without reconnecting, the other sessions take over; without any session arrivals are dropped")
    func sessionsLost() throws {
        let one = try LoopbackAcceptor { number, _ in number == 20 ? .disconnect : .accept }
        let result = try run(one)
        #expect(result.disconnects == 1 && result.reconnects == 0 && result.count(.dropped) == 0)
        let all = try LoopbackAcceptor { number, _ in number >= 40 ? .disconnect : .accept }
        let lost = try run(all)
        #expect(lost.disconnects == 4 && lost.count(.dropped) > 0)
        #expect(lost.total == lost.offered)
        #expect(lost.refusals.contains { $0.reason == "no_session" })
    }

    @Test("At the in-flight cap arrivals are dropped with the timeout as their time, or wait, as configured")
    func saturation() throws {
        let silent = try LoopbackAcceptor { _, _ in .ignore }
        let dropped = try run(silent) {
            $0.target.maxInFlight = 5
            $0.target.onSaturation = .drop
            $0.target.timeoutNanoseconds = 700_000_000
        }
        #expect(dropped.sent == 5 && dropped.count(.timeout) == 5)
        #expect(dropped.count(.dropped) == dropped.offered - 5)
        #expect(dropped.response.least >= 699_000_000)
        let slow = try LoopbackAcceptor { number, _ in number < 5 ? .ignore : .accept }
        let queued = try run(slow) {
            $0.target.maxInFlight = 5
            $0.target.timeoutNanoseconds = 300_000_000
        }
        #expect(queued.count(.dropped) == 0 && queued.count(.timeout) == 5)
        #expect(queued.count(.ok) == queued.offered - 5)
        #expect(queued.lag.greatest > 100_000_000, "waiting shows as lag and in the response time")
    }

    @Test("A stop flag ends the run early, in order")
    func interrupt() throws {
        let acceptor = try LoopbackAcceptor()
        defer { acceptor.stop() }
        var plan = try plan(acceptor, rate: 200, seconds: 60)
        plan.target.connections = 2
        let flag = StopFlag()
        let engine = try LoadEngine(plan, stop: flag) { progress in if progress.sent > 0 { flag.set() } }
        let result = try engine.run()
        #expect(result.isInterrupted && result.wallSeconds < 30)
        #expect(result.total == result.offered && result.count(.ok) == result.offered)
    }

    @Test("The acknowledgement log has one line for each final answer")
    func ackLog() throws {
        let path = "/tmp/springtide-acklog-\(getpid())-\(UInt32.random(in: 0 ... .max)).csv"
        defer { unlink(path) }
        let acceptor = try LoopbackAcceptor { number, request in
            number % 5 == 0 && request.type == .newOrderSingle ? .reject(99) : .accept
        }
        let result = try run(acceptor) {
            guard case .fix(var fix) = $0.target.transport else { return }
            fix.ackLogPath = path
            $0.target.transport = .fix(fix)
        }
        let lines = try #require(Samples.text(path)).split(separator: "\n")
        #expect(lines.count == result.ackLogLines && lines.count == result.answered)
        let sent = Dictionary(uniqueKeysWithValues: acceptor.received.map { ($0.clOrdID, $0) })
        for line in lines {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            #expect(fields.count == 6)
            let request = try #require(sent[fields[1]])
            #expect(request.session == fields[0])
            let kind: [MessageType: String] = [
                .newOrderSingle: "new", .orderCancelRequest: "cancel", .orderCancelReplaceRequest: "replace",
            ]
            #expect(kind[request.type] == fields[2] && ["0", "8", "4", "5"].contains(fields[3]))
            #expect(Int(fields[4]) != nil && Int(fields[5]) != nil)
        }
    }

    @Test("Nobody listening is a connection error that names the address")
    func nobodyListening() throws {
        let acceptor = try LoopbackAcceptor()
        let plan = try plan(acceptor)
        acceptor.stop()
        let error = #expect(throws: LoadError.self) { try LoadEngine(plan).run() }
        #expect(error?.code == .connection)
        #expect(error?.message.contains("127.0.0.1:\(acceptor.port)") == true)
    }
}
