/// The risk indicators by name; the raw value is the rule number, which is never reused or changed.
///
/// The number is also the bit in a `RiskMask`, the index of the counters and the reject code in FIX tag 58. Numbers
/// that are missing here belong to rules that are not evaluated yet. `RiskRule` describes each one.
public enum RiskIndicator: UInt8, Sendable, CaseIterable {
    // A. Message and order validity.
    case requiredFields = 1
    case sideAllowed = 2
    case orderTypeAllowed = 3
    case timeInForceAllowed = 4
    case quantityPositive = 5
    case pricePositive = 6
    case tickSize = 7
    case buyLot = 8
    case oddLotSale = 9
    case quantityMin = 10
    case quantityMax = 11
    case clientOrderIDUnique = 12
    case clientOrderIDWellFormed = 13
    case sendingTimeSkew = 14
    case staleOrder = 15
    case notionalOverflow = 16
    case targetOpen = 17
    case targetOwned = 18
    case replaceConsistent = 19
    case stopTriggerSide = 20
    case icebergDisplay = 21

    // B. Identity, permission, compliance.
    case sessionActive = 22
    case accountActive = 23
    case accountNotBlocked = 24
    case sessionMayTradeAccount = 25
    case traderAuthorised = 26
    case boardPermitted = 27
    case suitability = 28
    case restrictedList = 29
    case insiderWindow = 30
    case foreignAccess = 31
    case algorithmRegistered = 32
    case limitsPresent = 33
    case limitsFresh = 34
    case accountKillSwitch = 35
    case strategyKillSwitch = 36
    case instrumentKillSwitch = 37
    case marketKillSwitch = 38
    case reducingOnly = 39

    // C. Phase and instrument state.
    case tradingDay = 40
    case phaseAcceptsEntry = 41
    case phaseAcceptsCancel = 42
    case marketOrderPhase = 43
    case instrumentTradable = 44
    case volatilityHalt = 45
    case marketOrderReference = 46
    case priceBaseAdjusted = 47
    case riskWarningDailyBuy = 48

    // D. Price controls.
    case upperPriceLimit = 49
    case lowerPriceLimit = 50
    case effectiveBuyRange = 51
    case effectiveSellRange = 52
    case auctionRange = 53
    case staticCollar = 54
    case dynamicCollar = 55
    case periodCollar = 56
    case fatFingerLast = 57
    case fatFingerMid = 58
    case levelsSwept = 59
    case estimatedSlippage = 60
    case marketOrderProtection = 61
    case referencePriceAvailable = 62
    case quoteAge = 63
    case tradeReasonability = 64
    case crossedBook = 65
    case pegOffset = 66

    // E. Size and value.
    case orderValueMax = 67
    case orderValueMin = 68
    case clientQuantityMax = 69
    case shareOfDailyVolume = 70
    case shareOfDepth = 71
    case multipleOfOwnAverage = 72
    case dailyBuyQuantity = 73
    case dailySellQuantity = 74
    case grossValueAccount = 75
    case grossValueFirm = 76
    case openOrderValue = 77
    case openOrdersAccount = 78
    case openOrdersInstrument = 79
    case openOrdersAtPrice = 80

    // F. Funds and positions.
    case cashSufficient = 81
    case sellableShares = 82
    case shortSaleBan = 83

    // H. Rates and repetition.
    case sessionMessageRate = 114
    case accountMessageRate = 115
    case accountDailyMessages = 116
    case firmMessageRate = 118
    case instrumentMessageRate = 119
    case duplicateOrder = 121

    /// The rule number.
    @inlinable
    public var number: UInt8 { rawValue }
}
