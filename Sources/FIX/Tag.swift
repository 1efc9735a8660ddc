/// Field numbers of FIX 4.4 that this module and its users name.
public enum Tag {
    /// Account (1).
    public static let account = 1
    /// AvgPx (6).
    public static let avgPx = 6
    /// BeginSeqNo (7).
    public static let beginSeqNo = 7
    /// BeginString (8).
    public static let beginString = 8
    /// BodyLength (9).
    public static let bodyLength = 9
    /// CheckSum (10).
    public static let checkSum = 10
    /// ClOrdID (11).
    public static let clOrdID = 11
    /// CumQty (14).
    public static let cumQty = 14
    /// EndSeqNo (16).
    public static let endSeqNo = 16
    /// ExecID (17).
    public static let execID = 17
    /// LastPx (31).
    public static let lastPx = 31
    /// LastQty (32).
    public static let lastQty = 32
    /// MsgSeqNum (34).
    public static let msgSeqNum = 34
    /// MsgType (35).
    public static let msgType = 35
    /// NewSeqNo (36).
    public static let newSeqNo = 36
    /// OrderID (37).
    public static let orderID = 37
    /// OrderQty (38).
    public static let orderQty = 38
    /// OrdStatus (39).
    public static let ordStatus = 39
    /// OrdType (40).
    public static let ordType = 40
    /// OrigClOrdID (41).
    public static let origClOrdID = 41
    /// PossDupFlag (43).
    public static let possDupFlag = 43
    /// Price (44).
    public static let price = 44
    /// RefSeqNum (45).
    public static let refSeqNum = 45
    /// SenderCompID (49).
    public static let senderCompID = 49
    /// SendingTime (52).
    public static let sendingTime = 52
    /// Side (54).
    public static let side = 54
    /// Symbol (55).
    public static let symbol = 55
    /// TargetCompID (56).
    public static let targetCompID = 56
    /// Text (58).
    public static let text = 58
    /// TimeInForce (59).
    public static let timeInForce = 59
    /// TransactTime (60).
    public static let transactTime = 60
    /// PossResend (97).
    public static let possResend = 97
    /// EncryptMethod (98).
    public static let encryptMethod = 98
    /// CxlRejReason (102).
    public static let cxlRejReason = 102
    /// OrdRejReason (103).
    public static let ordRejReason = 103
    /// HeartBtInt (108).
    public static let heartBtInt = 108
    /// TestReqID (112).
    public static let testReqID = 112
    /// OnBehalfOfCompID (115).
    public static let onBehalfOfCompID = 115
    /// OnBehalfOfSubID (116).
    public static let onBehalfOfSubID = 116
    /// OrigSendingTime (122).
    public static let origSendingTime = 122
    /// GapFillFlag (123).
    public static let gapFillFlag = 123
    /// DeliverToCompID (128).
    public static let deliverToCompID = 128
    /// DeliverToSubID (129).
    public static let deliverToSubID = 129
    /// ResetSeqNumFlag (141).
    public static let resetSeqNumFlag = 141
    /// OnBehalfOfLocationID (144).
    public static let onBehalfOfLocationID = 144
    /// DeliverToLocationID (145).
    public static let deliverToLocationID = 145
    /// ExecType (150).
    public static let execType = 150
    /// LeavesQty (151).
    public static let leavesQty = 151
    /// RefTagID (371).
    public static let refTagID = 371
    /// RefMsgType (372).
    public static let refMsgType = 372
    /// SessionRejectReason (373).
    public static let sessionRejectReason = 373
    /// BusinessRejectReason (380).
    public static let businessRejectReason = 380
    /// CxlRejResponseTo (434).
    public static let cxlRejResponseTo = 434
    /// Username (553).
    public static let username = 553
    /// Password (554).
    public static let password = 554
    /// LastLiquidityInd (851).
    public static let lastLiquidityInd = 851
    /// TraceParent (20001), ours by agreement of the counterparties: W3C `traceparent` of a sampled request, on D, F, G, H.
    public static let traceParent = 20_001

    /// The greatest number FIX 4.4 assigns.
    public static let last = 956
}
