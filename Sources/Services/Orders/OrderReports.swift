package import Market

/// Execution reports from order rows: the state columns of trading reports are the row's own.
package enum OrderReports {
    /// The number of the rule that stands for "a limit of the partition is reached" (144: engine queue).
    static let capacityRule: UInt8 = 144

    /// A report of `row` as it is now.
    static func report(
        _ type: ExecutionType, _ row: OrderRow, execution: ExecutionID, now: Int64
    ) -> ExecutionReport {
        var report = ExecutionReport(
            type: type, status: row.status, order: row.order, execution: execution, request: request(of: row),
            time: now)
        report.cumulative = row.cumulative
        report.leaves = row.leaves
        report.turnover = row.turnover
        report.rule = row.rule
        report.rejectReason = row.reason
        return report
    }

    /// The first answer to `request` once more: the same ids, the order's state as it is now.
    package static func repeated(_ row: OrderRow, _ request: OrderRequest, now: Int64) -> ExecutionReport {
        let type: ExecutionType =
            switch (request.kind, row.status) {
            case (.cancel, _): .canceled
            case (_, .rejected): .rejected
            case (.replace, _): .replaced
            case (.new, _): .new
            }
        var report = report(type, row, execution: row.firstExecution, now: now)
        report.clientOrderID = request.clientOrderID
        report.originalClientOrderID = request.originalClientOrderID
        report.origin = request.origin
        return report
    }

    /// The answer to an order status request.
    static func status(_ row: OrderRow, origin: UInt64, now: Int64) -> ExecutionReport {
        var report = report(.status, row, execution: 0, now: now)
        report.origin = origin
        return report
    }

    private static func request(of row: OrderRow) -> OrderRequest {
        guard let id = row.clientOrderID ?? ClientOrderID("-") else { preconditionFailure("an id is never empty") }
        return OrderRequest(
            kind: .new, session: row.session, account: row.account, instrument: row.instrument, clientOrderID: id,
            side: row.side, type: row.type, timeInForce: row.timeInForce, price: row.price, quantity: row.quantity,
            transactTime: row.entered, receiveTime: row.entered, sendingTime: row.entered)
    }
}
