internal import FIX
internal import Market

/// Writes the bodies of ExecutionReport (8) and OrderCancelReject (9), fields in ascending order of tags.
struct ReportEncoder: Sendable {
    private let symbol: @Sendable (InstrumentID) -> UInt32
    /// Field 58 by rule number.
    private let ruleTexts: [[UInt8]]

    init(_ entry: OrderEntry) {
        symbol = entry.symbol
        ruleTexts = (0...255).map { $0 == 0 ? [] : Array(entry.ruleText(UInt8($0)).utf8.filter { $0 >= 0x20 }) }
    }

    func encode(_ report: ExecutionReport, into writer: inout FrameWriter) {
        report.type == .cancelRejected ? encodeReject(report, &writer) : encodeReport(report, &writer)
    }

    private func encodeReport(_ report: ExecutionReport, _ writer: inout FrameWriter) {
        writer.append(Tag.account, Int64(report.account.rawValue))
        appendAverage(report, &writer)
        append(Tag.clOrdID, report.clientOrderID, &writer)
        writer.append(Tag.cumQty, report.cumulative.shares)
        writer.append(Tag.execID, Int64(report.execution))
        if report.type == .trade {
            writer.append(Tag.lastPx, milli: report.lastPrice.milli)
            writer.append(Tag.lastQty, report.lastQuantity.shares)
        }
        appendOrderID(report, &writer)
        writer.append(Tag.orderQty, report.quantity.shares)
        writer.append(Tag.ordStatus, char: Self.status(report))
        writer.append(Tag.ordType, char: UInt8(ascii: "0") + report.orderType.rawValue)
        if let original = report.originalClientOrderID { append(Tag.origClOrdID, original, &writer) }
        if report.orderType == .limit { writer.append(Tag.price, milli: report.price.milli) }
        writer.append(Tag.side, char: UInt8(ascii: "0") + report.side.rawValue)
        appendSymbol(report.instrument, &writer)
        appendText(report, &writer)
        writer.append(Tag.timeInForce, char: UInt8(ascii: "0") + report.timeInForce.rawValue)
        writer.append(Tag.transactTime, timestamp: report.time)
        if report.status == .rejected { writer.append(Tag.ordRejReason, Int64(report.rejectReason)) }
        writer.append(Tag.execType, char: Self.type(report.type))
        writer.append(Tag.leavesQty, report.leaves.shares)
        if report.type == .trade { writer.append(Tag.lastLiquidityInd, report.isTaker ? 2 : 1) }
    }

    private func encodeReject(_ report: ExecutionReport, _ writer: inout FrameWriter) {
        writer.append(Tag.account, Int64(report.account.rawValue))
        append(Tag.clOrdID, report.clientOrderID, &writer)
        appendOrderID(report, &writer)
        writer.append(Tag.ordStatus, char: Self.status(report))
        append(Tag.origClOrdID, report.originalClientOrderID ?? report.clientOrderID, &writer)
        appendText(report, &writer)
        writer.append(Tag.transactTime, timestamp: report.time)
        writer.append(Tag.cxlRejReason, Int64(report.rejectReason))
        writer.append(Tag.cxlRejResponseTo, report.answersReplace ? 2 : 1)
    }

    /// A refusal made here, before any order exists: what is asked for is not traded on this market.
    func encodeUnsupported(
        _ fields: borrowing FieldIndex, tag: Int, execution: String, time: Int64, into writer: inout FrameWriter
    ) {
        func copy(_ tag: Int) {
            if let value = fields.bytes(tag) { writer.append(tag, bytes: value) }
        }
        let isCancel = fields.messageType != .newOrderSingle && fields.messageType != .orderStatusRequest
        copy(Tag.account)
        if !isCancel { writer.append(Tag.avgPx, 0) }
        copy(Tag.clOrdID)
        if !isCancel {
            writer.append(Tag.cumQty, 0)
            writer.append(Tag.execID, text: execution)
        }
        writer.append(Tag.orderID, text: "NONE")
        if !isCancel { copy(Tag.orderQty) }
        writer.append(Tag.ordStatus, char: UInt8(ascii: "8"))
        if isCancel { copy(Tag.origClOrdID) }
        if !isCancel {
            copy(Tag.side)
            copy(Tag.symbol)
        }
        writer.append(Tag.text, text: "value of tag \(tag) is not supported")
        writer.append(Tag.transactTime, timestamp: time)
        if isCancel {
            writer.append(Tag.cxlRejReason, 99)
            writer.append(Tag.cxlRejResponseTo, fields.messageType == .orderCancelRequest ? 1 : 2)
        } else {
            writer.append(Tag.ordRejReason, 11)
            writer.append(Tag.execType, char: UInt8(ascii: "8"))
            writer.append(Tag.leavesQty, 0)
        }
    }

    // MARK: fields

    private func append(_ tag: Int, _ id: ClientOrderID, _ writer: inout FrameWriter) {
        writer.append(tag, count: id.count) { id[$0] }
    }

    private func appendOrderID(_ report: ExecutionReport, _ writer: inout FrameWriter) {
        if report.order == 0 {
            writer.append(Tag.orderID, text: "NONE")
        } else {
            writer.append(Tag.orderID, Int64(report.order))
        }
    }

    private func appendText(_ report: ExecutionReport, _ writer: inout FrameWriter) {
        guard report.rule != 0 else { return }
        writer.append(Tag.text, bytes: ruleTexts[Int(report.rule)])
    }

    /// Six digits, with leading zeros: 000001 is a symbol.
    private func appendSymbol(_ instrument: InstrumentID, _ writer: inout FrameWriter) {
        let number = instrument == OrderRequest.unknownInstrument ? 0 : symbol(instrument)
        guard number > 0, number < 1_000_000 else { return writer.append(Tag.symbol, text: "[N/A]") }
        writer.openField(Tag.symbol)
        var unit: UInt32 = 100_000
        while unit > 0 {
            writer.putByte(UInt8(ascii: "0") + UInt8(number / unit % 10))
            unit /= 10
        }
        writer.putByte(1)
    }

    /// AvgPx = turnover / cumulative, in millionths of a yuan, rounded half up.
    private func appendAverage(_ report: ExecutionReport, _ writer: inout FrameWriter) {
        let shares = report.cumulative.shares
        guard shares > 0 else { return writer.append(Tag.avgPx, 0) }
        let (scaled, overflow) = report.turnover.milli.multipliedReportingOverflow(by: 1_000)
        if overflow {
            writer.append(Tag.avgPx, milli: report.turnover.milli / shares)
        } else {
            let whole = scaled / shares
            writer.append(Tag.avgPx, scaled: scaled % shares * 2 >= shares ? whole + 1 : whole, digits: 6)
        }
    }

    private static func status(_ report: ExecutionReport) -> UInt8 {
        switch report.status {
        case .expired: UInt8(ascii: "C")
        case .replaced: UInt8(ascii: "4")
        default: UInt8(ascii: "0") + report.status.rawValue
        }
    }

    private static func type(_ type: ExecutionType) -> UInt8 {
        switch type {
        case .expired: UInt8(ascii: "C")
        case .trade: UInt8(ascii: "F")
        case .status: UInt8(ascii: "I")
        default: UInt8(ascii: "0") + type.rawValue
        }
    }
}
