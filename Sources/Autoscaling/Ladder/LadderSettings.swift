/// When the ladder is left downwards and climbed again, and how far one decision may go.
public struct LadderSettings: Sendable, Equatable {
    /// Seconds from a decision to the next.
    public var period = 10.0
    /// Control periods after which a service's last good sample is stale.
    public var stalePeriods = 3.0
    /// Fresh samples in a row that a service needs before it may be made smaller, and that end a hold.
    public var freshWindows = 3
    /// Seconds without a fault before the next rung up is tried.
    public var cleanTime = 600.0
    /// Seconds a hold lasts before what was decided before it is no longer trusted.
    public var holdTime = 1_800.0
    /// Periods in a row over the latency target, while the shield changes what the model proposes, that end its turn.
    public var breachesMax = 2
    /// Outputs in a row that are no decision, after which a model is disabled until it is enabled by hand.
    public var badOutputsMax = 3
    /// Mean absolute percentage error of the forecast in training, as a share; nil where it is not known.
    public var forecastError: Double?
    /// Times that error from which on the forecast has drifted.
    public var driftFactor = 2.0
    /// Forecasts in a row whose mean error is compared.
    public var driftWindow = 60
    /// Whether the learned policy only proposes while the rule below it acts.
    public var isShadow = false
    /// How far replicas may move.
    public var steps = StepLimits()
    /// Replicas that are there whatever the load; nil for the profile's bounds alone.
    public var floor: ScheduleFloor?

    /// The defaults above.
    public init() {}

    /// The first contradiction, told so that its author can mend it; nil where there is none.
    public var fault: String? {
        let faults: [(Bool, String)] = [
            (period > 0 && period.isFinite, "period is more than 0 s"),
            (stalePeriods >= 1 && stalePeriods.isFinite, "stalePeriods is at least 1"),
            (freshWindows >= 1, "freshWindows is at least 1"),
            (cleanTime >= 0 && cleanTime.isFinite, "cleanTime is at least 0 s"),
            (holdTime >= 0 && holdTime.isFinite, "holdTime is at least 0 s"),
            (breachesMax >= 1, "breachesMax is at least 1"),
            (badOutputsMax >= 1, "badOutputsMax is at least 1"),
            (forecastError.map { $0 > 0 && $0.isFinite } ?? true, "forecastError is more than 0"),
            (driftFactor >= 1 && driftFactor.isFinite, "driftFactor is at least 1"),
            ((2...10_000).contains(driftWindow), "driftWindow is 2...10000"),
        ]
        return faults.first { !$0.0 }?.1 ?? steps.fault
    }
}

/// How far replicas of one service may move within a time; bounds of the profile go before them.
public struct StepLimits: Sendable, Equatable {
    /// Within `upWindow`, at most this many times the fewest there were,
    public var upFactor = 2.0
    /// or this many more than the fewest, whichever is more.
    public var upCount = 4
    /// Seconds.
    public var upWindow = 15.0
    /// Within `downWindow`, at most this share of the most there were is taken away, but always one replica.
    public var downShare = 0.25
    /// Seconds.
    public var downWindow = 60.0

    /// The defaults above: max(2x, +4) in 15 s up, 25 % in 60 s down.
    public init() {}

    /// Most replicas allowed after a window whose fewest were `fewest`.
    public func most(after fewest: Int) -> Int {
        max(Int((Double(fewest) * upFactor).rounded(.down)), fewest + upCount)
    }

    /// Fewest replicas allowed after a window whose most were `most`.
    public func fewest(after most: Int) -> Int {
        max(0, most - max(1, Int((Double(most) * downShare).rounded(.down))))
    }

    var fault: String? {
        let faults: [(Bool, String)] = [
            (upFactor >= 1 && upFactor <= 100, "upFactor is 1...100"),
            ((0...1_000).contains(upCount), "upCount is 0...1000"),
            (upFactor > 1 || upCount > 0, "upFactor 1 with upCount 0 never lets a service grow"),
            (upWindow >= 0 && upWindow <= 3_600, "upWindow is 0...3600 s"),
            (downShare >= 0 && downShare <= 1, "downShare is 0...1"),
            (downWindow >= 0 && downWindow <= 86_400, "downWindow is 0...86400 s"),
        ]
        return faults.first { !$0.0 }?.1
    }
}
