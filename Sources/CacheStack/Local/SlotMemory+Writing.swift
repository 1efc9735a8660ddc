internal import Synchronization

/// What the holder of the shard's lock does to the memory; it is the only writer, so its own loads are relaxed.
extension SlotMemory {
    // MARK: Slots

    /// Sets the words of a slot that was never used, before any place names it.
    func prepare(_ slot: Int32) {
        for word in 0..<Word.count { unsafe (base(slot) + word).initialize(to: AtomicWord(0)) }
    }

    func fields(_ slot: Int32) -> Fields {
        let words = unsafe base(slot)
        func load(_ word: Int) -> UInt64 { unsafe words[word].load(ordering: .relaxed) }
        let meta = load(Word.meta)
        return Fields(
            id: load(Word.id), version: load(Word.version), asOf: load(Word.asOf),
            born: Int64(bitPattern: load(Word.born)), deadline: Int64(bitPattern: load(Word.deadline)),
            block: load(Word.block), length: Int32(truncatingIfNeeded: meta),
            space: UInt16(truncatingIfNeeded: meta >> 32),
            flags: Flags(rawValue: UInt8(truncatingIfNeeded: meta >> 48)))
    }

    /// Writes a slot's fields, and its inline payload where one is given.
    func write(_ slot: Int32, _ fields: Fields, inline payload: UnsafeRawBufferPointer? = nil) {
        let words = unsafe base(slot)
        let sequence = unsafe begin(words + Word.sequence)
        unsafe words[Word.id].store(fields.id, ordering: .relaxed)
        unsafe words[Word.version].store(fields.version, ordering: .relaxed)
        unsafe words[Word.asOf].store(fields.asOf, ordering: .relaxed)
        unsafe words[Word.born].store(UInt64(bitPattern: fields.born), ordering: .relaxed)
        unsafe words[Word.deadline].store(UInt64(bitPattern: fields.deadline), ordering: .relaxed)
        unsafe words[Word.block].store(fields.block, ordering: .relaxed)
        unsafe words[Word.meta].store(fields.meta, ordering: .relaxed)
        if let payload = unsafe payload { unsafe Self.store(payload, to: words + Word.payload) }
        unsafe words[Word.sequence].store(sequence &+ 2, ordering: .releasing)
    }

    /// Changes a slot's fields; the payload stays.
    func update(_ slot: Int32, _ change: (inout Fields) -> Void) {
        var fields = fields(slot)
        change(&fields)
        unsafe write(slot, fields)
    }

    /// Whether nobody is writing a slot: its sequence is even.
    func isAtRest(_ slot: Int32) -> Bool { unsafe base(slot)[Word.sequence].load(ordering: .relaxed) & 1 == 0 }

    /// Copies a held slot's payload out.
    func payload(_ slot: Int32) -> [UInt8] {
        let fields = fields(slot)
        let inSlot = unsafe base(slot) + Word.payload
        let words = unsafe UnsafeMutablePointer<AtomicWord>(bitPattern: UInt(fields.block)) ?? inSlot
        let length = Int(fields.length)
        return unsafe [UInt8](unsafeUninitializedCapacity: length) { bytes, count in
            for byte in 0..<length {
                let word = unsafe words[byte / 8].load(ordering: .relaxed)
                unsafe bytes.initializeElement(at: byte, to: UInt8(truncatingIfNeeded: word >> UInt64(byte % 8 * 8)))
            }
            count = length
        }
    }

    /// Stores bytes word by word; the last word is filled up with zeros.
    static func store(_ payload: UnsafeRawBufferPointer, to words: UnsafeMutablePointer<AtomicWord>) {
        for word in 0..<payload.count / 8 {
            let value = unsafe payload.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self)
            unsafe words[word].store(UInt64(littleEndian: value), ordering: .relaxed)
        }
        guard payload.count % 8 != 0 else { return }
        let whole = payload.count / 8 * 8
        var last: UInt64 = 0
        for byte in whole..<payload.count { unsafe last |= UInt64(payload[byte]) << UInt64((byte - whole) * 8) }
        unsafe words[whole / 8].store(last, ordering: .relaxed)
    }

    private func begin(_ sequence: UnsafeMutablePointer<AtomicWord>) -> UInt64 {
        let value = unsafe sequence.pointee.load(ordering: .relaxed)
        unsafe sequence.pointee.store(value &+ 1, ordering: .relaxed)
        atomicMemoryFence(ordering: .releasing)
        return value
    }

    // MARK: Horizon

    func setHorizon(_ horizon: Horizon) {
        let sequence = unsafe begin(head + Head.sequence)
        unsafe head[Head.watermark].store(horizon.watermark, ordering: .relaxed)
        unsafe head[Head.born].store(UInt64(bitPattern: horizon.born), ordering: .relaxed)
        unsafe head[Head.epoch].store(UInt64(horizon.epoch), ordering: .relaxed)
        unsafe head[Head.sequence].store(sequence &+ 2, ordering: .releasing)
    }

    var horizon: Horizon {
        unsafe Horizon(
            watermark: head[Head.watermark].load(ordering: .relaxed),
            born: Int64(bitPattern: head[Head.born].load(ordering: .relaxed)),
            epoch: UInt32(truncatingIfNeeded: head[Head.epoch].load(ordering: .relaxed)))
    }

    var epoch: UInt32 { UInt32(truncatingIfNeeded: unsafe head[Head.epoch].load(ordering: .relaxed)) }

    // MARK: Index

    /// The slot of a key; -1 where it has none.
    func find(_ key: CacheKey, _ mixed: UInt64) -> Int32 {
        let tag = index.tag(mixed)
        var place = index.home(mixed)
        while true {
            let word = index.word(at: place)
            if word == 0 { return -1 }
            if index.has(word, tag: tag) {
                let slot = index.slot(word)
                let words = unsafe base(slot)
                if unsafe Self.isKey(key, words, words[Word.meta].load(ordering: .relaxed)) { return slot }
            }
            place = index.next(place)
        }
    }

    /// Names a slot that is written already: who finds it finds it whole.
    func addToIndex(_ slot: Int32, _ mixed: UInt64) { index.insert(slot, mixed) }

    /// Forgets a slot. Readers that miss meanwhile look again.
    func removeFromIndex(_ slot: Int32) {
        let sequence = unsafe begin(head + Head.indexSequence)
        index.remove(slot) { slot in
            let words = unsafe base(slot)
            let space = UInt16(truncatingIfNeeded: unsafe words[Word.meta].load(ordering: .relaxed) >> 32)
            let id = unsafe words[Word.id].load(ordering: .relaxed)
            return LocalHash.mix(LocalHash.number(CacheKey(SpaceID(rawValue: space), id)))
        }
        unsafe head[Head.indexSequence].store(sequence &+ 2, ordering: .releasing)
    }
}
