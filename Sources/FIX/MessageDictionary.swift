/// The FIX 4.4 messages a trading gateway serves: which fields they have, which they need, what values are legal.
///
/// Fully described are the seven session messages and D, F, G, H. Of the other types of the standard only the header
/// is checked; the receiver then answers that it does not serve them. The tables are data read from the public FIX
/// 4.4 dictionary (912 fields; 44 numbers below 957 are not assigned). Checking costs a few table reads a field.
/// Of the user-defined numbers one is known: TraceParent (20001), on D, F, G and H.
public struct MessageDictionary: Sendable {
    /// FIX 4.4.
    public static let fix44 = MessageDictionary()

    struct Definition: Sendable {
        var type: MessageType
        var required: [Int]
        var allowed: TagSet
    }

    struct Group: Sendable {
        var countTag: Int
        /// Members in their required order; the first starts each instance.
        var members: [Int]
    }

    /// What is to know about a tag wherever it stands.
    private struct Attributes {
        var kind = ValueKind.text
        var isAssigned = false
        var isHeader = false
        var isTrailer = false
        /// Index into `groups` where it is a count tag, else -1.
        var group: Int8 = -1
    }

    private let attributes: [Attributes]
    private let types: [MessageType]
    private let required: [[Int]]
    /// Bit sets of allowed tags, 16 words a message type.
    private let allowed: [UInt64]
    private let groups: [Group]

    private init() {
        groups = DictionaryTables.groups
        var attributes = [Attributes](repeating: Attributes(), count: TagSet.capacity)
        for tag in 1...Tag.last { attributes[tag].isAssigned = true }
        for tag in DictionaryTables.unassigned { attributes[tag].isAssigned = false }
        for tag in DictionaryTables.header { attributes[tag].isHeader = true }
        for tag in [Tag.checkSum, 93, 89] { attributes[tag].isTrailer = true }
        for (tag, kind) in DictionaryTables.kinds().enumerated() { attributes[tag].kind = kind }
        for (index, group) in groups.enumerated() { attributes[group.countTag].group = Int8(index) }
        self.attributes = attributes
        let definitions = DictionaryTables.definitions()
        types = definitions.map(\.type)
        required = definitions.map(\.required)
        allowed = definitions.flatMap { definition in (0..<16).map { definition.allowed.word($0) } }
    }

    private func attributes(of tag: Int) -> Attributes {
        tag >= 0 && tag < TagSet.capacity ? attributes[tag] : Attributes(isAssigned: tag == Tag.traceParent)
    }

    private func isAllowed(_ tag: Int, in definition: Int) -> Bool {
        guard tag >= 0, tag < TagSet.capacity else {
            return tag == Tag.traceParent && types[definition].isOrderEntry
        }
        return allowed[definition << 4 | tag >> 6] & (1 << UInt64(tag & 63)) != 0
    }

    /// Whether the type is described in full, so that its body is checked.
    public func describes(_ type: MessageType) -> Bool { definition(type) != nil }

    private func definition(_ type: MessageType) -> Int? {
        for index in types.indices where types[index] == type { return index }
        return nil
    }

    /// Checks a parsed frame; nil if it is well formed.
    ///
    /// Precedence: too many fields, order of header and body, message type, missing fields, then field by field in
    /// the order of the frame.
    public func check(_ fields: borrowing FieldIndex) -> SessionReject? {
        if fields.isTruncated { return SessionReject(.other) }
        guard fields.messageType.isDefined else { return SessionReject(.invalidMessageType) }
        if let tag = misplacedTag(fields) { return SessionReject(.tagOutOfOrder, tag: tag) }
        for tag in DictionaryTables.requiredHeader where !fields.contains(tag) {
            return SessionReject(.requiredTagMissing, tag: tag)
        }
        let index = definition(fields.messageType)
        if let index {
            for tag in required[index] where !fields.contains(tag) {
                return SessionReject(.requiredTagMissing, tag: tag)
            }
        }
        return checkFields(fields, definition: index)
    }

    /// The first header field behind a body field, or field behind the trailer's first.
    private func misplacedTag(_ fields: borrowing FieldIndex) -> Int? {
        var isBehindHeader = false
        var isBehindBody = false
        for index in 0..<fields.count {
            let tag = Int(fields.entry(index).tag)
            let attributes = attributes(of: tag)
            if attributes.isTrailer {
                isBehindHeader = true
                isBehindBody = true
            } else if attributes.isHeader {
                if isBehindHeader { return tag }
            } else if !DictionaryTables.isHopMember(tag) {
                if isBehindBody { return tag }
                isBehindHeader = true
            }
        }
        return nil
    }

    /// Field by field; in bodies of types that are not described, groups are unknown and tags may repeat.
    private func checkFields(_ fields: borrowing FieldIndex, definition: Int?) -> SessionReject? {
        var seen = TagSet([])
        var position = 0
        while position < fields.count {
            let tag = Int(fields.entry(position).tag)
            let attributes = attributes(of: tag)
            if let reject = checkValue(fields, at: position, attributes) { return reject }
            let isBody = !attributes.isHeader && !attributes.isTrailer
            if let definition, isBody, !isAllowed(tag, in: definition) {
                return SessionReject(.tagNotDefinedForMessage, tag: tag)
            }
            let isDescribed = definition != nil || !isBody
            let isRepeated = tag == Tag.traceParent ? fields.find(tag) != position : !seen.insert(tag)
            if isDescribed, isRepeated { return SessionReject(.tagAppearsTwice, tag: tag) }
            position += 1
            if attributes.group >= 0, isDescribed,
                let reject = checkGroup(fields, Int(attributes.group), &position, depth: 0)
            {
                return reject
            }
        }
        return nil
    }

    /// What holds for a field wherever it stands: assigned tag, some value, its format, its range.
    private func checkValue(
        _ fields: borrowing FieldIndex, at position: Int, _ attributes: Attributes
    ) -> SessionReject? {
        let entry = fields.entry(position)
        let tag = Int(entry.tag)
        guard attributes.isAssigned else { return SessionReject(.invalidTagNumber, tag: tag) }
        guard entry.length > 0 else { return SessionReject(.tagWithoutValue, tag: tag) }
        let kind = attributes.kind
        guard kind != .text else { return nil }
        switch fields.withValue(at: position, { kind.check($0, tag: tag) }) {
        case .good: return nil
        case .malformed: return SessionReject(.incorrectFormat, tag: tag)
        case .outOfRange: return SessionReject(.valueIncorrect, tag: tag)
        }
    }

    /// Walks the instances behind a count field at `position`; leaves it behind the last member.
    private func checkGroup(
        _ fields: borrowing FieldIndex, _ index: Int, _ position: inout Int, depth: Int
    ) -> SessionReject? {
        let countTag = groups[index].countTag
        guard depth < 4, let stated = fields.int(at: position - 1) else {
            return SessionReject(.incorrectGroupCount, tag: countTag)
        }
        var instances: Int64 = 0
        var last = -1
        while position < fields.count {
            let tag = Int(fields.entry(position).tag)
            guard let member = groups[index].members.firstIndex(of: tag) else { break }
            if member == 0 {
                instances += 1
            } else if instances == 0 || member < last {
                return SessionReject(.groupFieldsOutOfOrder, tag: tag)
            } else if member == last {
                return SessionReject(.tagAppearsTwice, tag: tag)
            }
            last = member
            let attributes = attributes(of: tag)
            if let reject = checkValue(fields, at: position, attributes) { return reject }
            position += 1
            if attributes.group >= 0,
                let reject = checkGroup(fields, Int(attributes.group), &position, depth: depth + 1)
            {
                return reject
            }
        }
        return instances == stated ? nil : SessionReject(.incorrectGroupCount, tag: countTag)
    }
}

/// A set of tags 0...1023, as bits.
struct TagSet: Sendable {
    static let capacity = 1_024
    private var words: InlineArray<16, UInt64> = .init(repeating: 0)

    init(_ tags: [Int]) { for tag in tags { insert(tag) } }

    /// Says whether the tag was new; tags out of range always are.
    @discardableResult
    mutating func insert(_ tag: Int) -> Bool {
        guard tag >= 0, tag < Self.capacity else { return true }
        let bit: UInt64 = 1 << UInt64(tag & 63)
        let isNew = words[tag >> 6] & bit == 0
        words[tag >> 6] |= bit
        return isNew
    }

    func word(_ index: Int) -> UInt64 { words[index] }
}
