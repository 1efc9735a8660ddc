/// The data behind `MessageDictionary`, from the public FIX 4.4 dictionary.
enum DictionaryTables {
    /// Numbers below 957 that FIX 4.4 does not assign.
    static let unassigned = [
        20, 24, 46, 47, 51, 76, 86, 92, 101, 105, 109, 125, 166, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182,
        183, 184, 185, 186, 187, 204, 205, 219, 261, 314, 319, 370, 439, 440, 449, 450, 465, 653, 685, 809, 831,
    ]

    static let header = [
        8, 9, 35, 49, 56, 34, 43, 97, 52, 122, 115, 116, 144, 128, 129, 145, 50, 142, 57, 143, 90, 91, 212, 213,
        347, 369, 627,
    ]

    static let requiredHeader = [Tag.msgSeqNum, Tag.senderCompID, Tag.targetCompID, Tag.sendingTime]

    /// Members of the header's only group (627 NoHops).
    static func isHopMember(_ tag: Int) -> Bool { tag >= 628 && tag <= 630 }

    static let groups: [MessageDictionary.Group] = [
        .init(countTag: 453, members: [448, 447, 452, 802]),
        .init(countTag: 802, members: [523, 803]),
        .init(countTag: 78, members: [79, 661, 736, 467, 539, 80]),
        .init(countTag: 539, members: [524, 525, 538, 804]),
        .init(countTag: 804, members: [545, 805]),
        .init(countTag: 386, members: [336, 625]),
        .init(countTag: 454, members: [455, 456]),
        .init(countTag: 864, members: [865, 866, 867, 868]),
        .init(
            countTag: 711,
            members: [
                311, 312, 309, 305, 457, 462, 463, 310, 763, 313, 542, 315, 241, 242, 243, 244, 245, 246, 256, 595,
                592, 593, 594, 247, 316, 941, 317, 436, 435, 308, 306, 362, 363, 307, 364, 365, 877, 878, 318, 879,
                810, 882, 883, 884, 885, 886, 887,
            ]),
        .init(countTag: 457, members: [458, 459]),
        .init(countTag: 887, members: [888, 889]),
        .init(countTag: 232, members: [233, 234]),
        .init(countTag: 384, members: [372, 385]),
        .init(countTag: 627, members: [628, 629, 630]),
    ]

    /// Instrument, parties and the other fields that D, F, G and H share.
    private static let common = [
        1, 11, 22, 48, 54, 55, 65, 106, 107, 167, 200, 201, 202, 206, 207, 223, 224, 225, 226, 227, 228, 231, 239,
        240, 255, 348, 349, 350, 351, 453, 454, 460, 461, 470, 471, 472, 526, 541, 543, 583, 660, 667, 691, 711,
        762, 788, 864, 873, 874, 875, 876, 898, 913, 914, 915, 916, 917, 918, 919, 947,
    ]

    /// What D and G have beside the common fields.
    private static let order = [
        12, 13, 15, 18, 21, 38, 40, 44, 58, 59, 60, 63, 64, 70, 75, 77, 78, 99, 100, 110, 111, 114, 120, 121, 126,
        152, 168, 192, 193, 203, 210, 211, 218, 220, 221, 222, 229, 235, 236, 354, 355, 376, 377, 386, 388, 389,
        423, 427, 432, 468, 469, 479, 480, 481, 494, 497, 513, 516, 528, 529, 544, 581, 582, 589, 590, 591, 635,
        640, 662, 663, 696, 697, 698, 699, 701, 761, 775, 835, 836, 837, 838, 840, 841, 842, 843, 844, 846, 847,
        848, 849, 854,
    ]

    static func definitions() -> [MessageDictionary.Definition] {
        func message(_ type: MessageType, required: [Int], optional: [Int]) -> MessageDictionary.Definition {
            MessageDictionary.Definition(type: type, required: required, allowed: TagSet(required + optional))
        }
        return [
            message(
                .newOrderSingle, required: [11, 55, 54, 60, 38, 40], optional: common + order + [23, 81, 117, 140, 232]
            ),
            message(
                .orderCancelRequest, required: [41, 11, 55, 54, 60, 38],
                optional: common + [37, 58, 66, 152, 354, 355, 376, 468, 469, 516, 581, 586]),
            message(
                .orderCancelReplaceRequest, required: [41, 11, 55, 54, 60, 38, 40],
                optional: common + order + [37, 66, 586]),
            message(.orderStatusRequest, required: [11, 55, 54], optional: common + [37, 790]),
            message(.heartbeat, required: [], optional: [112]),
            message(.testRequest, required: [112], optional: []),
            message(.resendRequest, required: [7, 16], optional: []),
            message(.reject, required: [45], optional: [58, 354, 355, 371, 372, 373]),
            message(.sequenceReset, required: [36], optional: [123]),
            message(.logout, required: [], optional: [58, 354, 355]),
            message(.logon, required: [98, 108], optional: [95, 96, 141, 383, 384, 464, 553, 554, 789]),
        ]
    }

    /// The kind of value by tag; tags without an entry are text.
    static func kinds() -> [ValueKind] {
        var kinds = [ValueKind](repeating: .text, count: Tag.last + 1)
        for (kind, tags) in kindLists { for tag in tags { kinds[tag] = kind } }
        return kinds
    }

    private static let kindLists: [(ValueKind, [Int])] = [
        (
            .integer,
            [
                98, 108, 201, 203, 226, 244, 315, 371, 373, 423, 427, 452, 460, 462, 538, 581, 582, 660, 661, 663,
                698, 775, 788, 803, 805, 835, 836, 837, 838, 840, 841, 842, 843, 844, 846, 847, 854, 865, 875, 919,
            ]
        ),
        (
            .count,
            [
                7, 9, 16, 34, 36, 45, 78, 90, 93, 95, 212, 232, 348, 350, 354, 362, 364, 369, 383, 384, 386, 453,
                454, 457, 539, 627, 630, 711, 789, 802, 804, 864, 887,
            ]
        ),
        (
            .decimal,
            [
                12, 80, 111, 140, 152, 192, 202, 210, 211, 218, 223, 227, 228, 231, 234, 236, 245, 246, 316, 389,
                435, 436, 469, 516, 640, 662, 697, 810, 849, 867, 879, 882, 883, 884, 885, 886, 898,
            ]
        ),
        (.milli, [38, 44, 99, 110]),
        (.boolean, [43, 97, 114, 121, 123, 141, 377, 464]),
        (.character, [13, 81, 206, 317, 385, 388, 447, 468, 480, 481, 497, 525]),
        (.timestamp, [52, 60, 122, 126, 168, 586, 629]),
        (
            .date,
            [
                64, 75, 193, 224, 225, 229, 240, 241, 242, 247, 432, 541, 542, 696, 701, 866, 873, 874, 915, 916,
                917,
            ]
        ),
        (.monthYear, [200, 313, 667]),
        (.side, [54]), (.orderType, [40]), (.timeInForce, [59]), (.handling, [21]), (.capacity, [528]),
        (.positionEffect, [77]), (.executionInstructions, [18]), (.securityType, [167]), (.encryptMethod, [98]),
        (.oneToThree, [544]),
    ]

    /// SecurityType (167).
    static let securityTypes: Set<String> = [
        "EUSUPRA", "FAC", "FADN", "PEF", "SUPRA", "CORP", "CPP", "CB", "DUAL", "EUCORP", "XLINKD", "STRUCT", "YANK",
        "FOR", "CS", "PS", "BRADY", "EUSOV", "TBOND", "TINT", "TIPS", "TCAL", "TPRN", "UST", "USTB", "TNOTE", "TBILL",
        "REPO", "FORWARD", "BUYSELL", "SECLOAN", "SECPLEDGE", "TERM", "RVLV", "RVLVTRM", "BRIDGE", "LOFC", "SWING",
        "DINP", "DEFLTED", "WITHDRN", "REPLACD", "MATURED", "AMENDED", "RETIRED", "BA", "BN", "BOX", "CD", "CL", "CP",
        "DN", "EUCD", "EUCP", "LQN", "MTN", "ONITE", "PN", "PZFJ", "STN", "TD", "XCN", "YCD", "ABS", "CMBS", "CMO",
        "IET", "MBS", "MIO", "MPO", "MPP", "MPT", "PFAND", "TBA", "AN", "COFO", "COFP", "GO", "MT", "RAN", "REV",
        "SPCLA", "SPCLO", "SPCLT", "TAN", "TAXA", "TECP", "TRAN", "VRDN", "WAR", "MF", "MLEG", "NONE", "FUT", "OPT",
    ]
}
