package import CacheStack
internal import Logging
internal import Market

/// A partition that stands where its last durable batch left it, and the version of its row.
///
/// `@unchecked Sendable`: it is handed over once, from the task that recovered to the sequencer's thread.
package struct RecoveredPartition: @unchecked Sendable {
    package var partition: TradingPartition
    package var fence: Ticket

    /// Numbers for the log.
    var summary: Logger.Metadata {
        [
            "instruments": "\(partition.instruments.count { $0 != nil })", "openOrders": "\(partition.slots.count)",
            "requests": "\(partition.clients.count)", "lastSequence": "\(partition.lastSequence)",
        ]
    }
}

/// Loads a partition from L3: all its rows in one snapshot.
package final class PartitionRecovery {
    /// Longest a recovery may take.
    static let timeout = Duration.seconds(300)

    private let configuration: PartitionConfiguration
    private let durable: any DurableTier
    /// Instruments by symbol, after `load`.
    private(set) var symbols: [UInt32: InstrumentID] = [:]

    package init(configuration: PartitionConfiguration, durable: any DurableTier) {
        self.configuration = configuration
        self.durable = durable
    }

    package func load() async throws -> RecoveredPartition {
        let instruments = RowCollector<Instrument>()
        let partitions = RowCollector<PartitionRow>()
        let cash = RowCollector<CashRow>()
        let positions = RowCollector<PositionRow>()
        let orders = RowCollector<OrderRow>()
        let trades = RowCollector<TradeRow>()
        let spaces = [
            TradingSpaces.instruments, TradingSpaces.partitions, TradingSpaces.cash, TradingSpaces.positions,
            TradingSpaces.orders, TradingSpaces.trades,
        ].map(\.space)
        let deadline = ContinuousClock.now + Self.timeout
        _ = try await durable.scan(spaces, until: deadline) { chunk in
            switch chunk.space {
            case TradingSpaces.instruments.space: instruments.append(chunk)
            case TradingSpaces.partitions.space: partitions.append(chunk)
            case TradingSpaces.cash.space: cash.append(chunk)
            case TradingSpaces.positions.space: positions.append(chunk)
            case TradingSpaces.orders.space: orders.append(chunk)
            default: trades.append(chunk)
            }
        }
        let day = configuration.day.rawValue
        var image = PartitionImage()
        image.partition = partitions.rows.first { $0.partition == configuration.partition }
        image.cash = cash.rows
        image.positions = positions.rows
        image.orders = orders.rows.filter { $0.day == day || $0.status.isOpen }
        image.trades = trades.rows.filter { $0.day == day }
        symbols = Dictionary(instruments.rows.map { ($0.symbol, $0.id) }) { first, _ in first }
        let partition = TradingPartition(configuration, instruments: instruments.rows)
        try partition.restore(image)
        return RecoveredPartition(partition: partition, fence: try await fence())
    }

    /// The version of the partition's row: what the first batch expects.
    private func fence() async throws -> Ticket {
        let key = PartitionRow.key(configuration.partition)
        let loaded = try await durable.load([key], until: .now + .seconds(10))
        return loaded.entries.first?.certificate.version ?? .zero
    }
}
