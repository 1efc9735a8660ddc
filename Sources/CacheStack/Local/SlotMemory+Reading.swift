public import Synchronization

extension SlotMemory {
    // MARK: Reading

    /// What a reader found of a row, proven to belong together.
    @usableFromInline
    struct Reading {
        @usableFromInline var row: LocalRow
        @usableFromInline var slot: Int32
        @usableFromInline var length: Int32
        /// Address of the payload's block; zero where the payload was copied out of the slot.
        @usableFromInline var block: UInt64
        @usableFromInline var sequence: UInt64

        @inlinable @inline(__always)
        init() {
            row = LocalRow(
                version: Ticket(0), asOf: Ticket(0), ageNanoseconds: 0, isAbsent: false, isClosed: false, epoch: 0)
            (slot, length, block, sequence) = (-1, 0, 0, 0)
        }
    }

    enum Outcome { case hit, miss, stale, contended }

    /// Looks a row up once and judges it; copies an inline payload to `inline`, which has room for 64 bytes.
    ///
    /// `contended`: a writer was in the way. A `miss` is believed by `read` alone, since the index may have moved.
    ///
    /// A slot a place names was written before, and it keeps its key until no place names it: one that holds another
    /// key is passed over for good reason, or the index has moved.
    @inline(__always)
    func attempt(
        _ key: CacheKey, _ mixed: UInt64, _ bound: AgeBound, _ now: Int64, inline: UnsafeMutableRawPointer,
        _ reading: inout Reading
    ) -> Outcome {
        let horizon = unsafe head[Head.sequence].load(ordering: .acquiring)
        let tag = index.tag(mixed)
        var place = index.home(mixed)
        var steps = index.count
        while steps > 0 {
            let word = index.word(at: place)
            if word == 0 { return .miss }
            if index.has(word, tag: tag) {
                let slot = index.slot(word)
                let words = unsafe base(slot)
                let sequence = unsafe words[Word.sequence].load(ordering: .acquiring)
                let meta = unsafe words[Word.meta].load(ordering: .relaxed)
                if unsafe Self.isKey(key, words, meta) {
                    let isServed = unsafe judge(words, meta, bound, now, &reading)
                    if isServed { unsafe fetch(words, slot, meta, sequence, inline, &reading) }
                    atomicMemoryFence(ordering: .acquiring)
                    let again = unsafe words[Word.sequence].load(ordering: .relaxed)
                    let after = unsafe head[Head.sequence].load(ordering: .relaxed)
                    // Even, and as it was: of slot and horizon.
                    let isProven = again == sequence && after == horizon && (sequence | horizon) & 1 == 0
                    return isProven ? (isServed ? .hit : .stale) : .contended
                }
            }
            place = index.next(place)
            steps &-= 1
        }
        return .contended
    }

    /// Looks a row up and judges it, again and again while a writer is in the way; copies an inline payload to
    /// `inline`, which has room for 64 bytes.
    ///
    /// Gives up as `contended` after 64 tries; under the lock it never does.
    func read(
        _ key: CacheKey, _ mixed: UInt64, _ bound: AgeBound, _ now: Int64, inline: UnsafeMutableRawPointer,
        _ reading: inout Reading
    ) -> Outcome {
        for _ in 0..<64 {
            let before = unsafe head[Head.indexSequence].load(ordering: .acquiring)
            let outcome = unsafe attempt(key, mixed, bound, now, inline: inline, &reading)
            if outcome == .contended { continue }
            guard outcome == .miss else { return outcome }
            atomicMemoryFence(ordering: .acquiring)
            let after = unsafe head[Head.indexSequence].load(ordering: .relaxed)
            if before & 1 == 0 && before == after { return .miss }
        }
        return .contended
    }

    /// The common case of `attempt` in few instructions, so that the processor begins the next read while this one waits
    /// for memory: a row that is open, may be served, and no writer in the way. False: `attempt` has to be asked.
    @inlinable @inline(__always)
    func glance(
        _ key: CacheKey, _ mixed: UInt64, _ bound: AgeBound, _ now: Int64, inline: UnsafeMutableRawPointer,
        _ reading: inout Reading
    ) -> Bool {
        let horizon = unsafe head[Head.sequence].load(ordering: .acquiring)
        let tag = index.tag(mixed)
        var place = index.home(mixed)
        var word = index.word(at: place)
        var slot = index.slot(word, tag: tag)
        while _slowPath(slot >= index.emptiest) {
            if word == 0 { return false }
            place &+= 1
            if place == index.end { return false }
            word = index.word(at: place)
            slot = index.slot(word, tag: tag)
        }
        let words = unsafe base(Int32(bitPattern: slot))
        let sequence = unsafe words[Word.sequence].load(ordering: .acquiring)
        guard unsafe _fastPath(words[Word.id].load(ordering: .relaxed) == key.id) else { return false }
        let meta = unsafe words[Word.meta].load(ordering: .relaxed)
        let upper = UInt32(truncatingIfNeeded: meta &>> 32)
        let mask = UInt32(0xFFFF) | Flags([.held, .closed, .suspect]).bits
        guard _fastPath(upper & mask == UInt32(key.space.rawValue) | Flags.held.bits) else { return false }
        var asOf = unsafe words[Word.asOf].load(ordering: .relaxed)
        var born = unsafe Int64(bitPattern: words[Word.born].load(ordering: .relaxed))
        if _fastPath(upper & Flags.recertifiable.bits != 0) {
            asOf = max(asOf, unsafe head[Head.watermark].load(ordering: .relaxed))
            born = max(born, Int64(bitPattern: unsafe head[Head.born].load(ordering: .relaxed)))
        }
        guard unsafe _fastPath(now < Int64(bitPattern: words[Word.deadline].load(ordering: .relaxed))),
            _fastPath(asOf >= bound.atLeast.rawValue), _fastPath(now &- born <= bound.maxAgeNanoseconds)
        else { return false }
        unsafe fetch(words, Int32(bitPattern: slot), meta, sequence, inline, &reading)
        reading.row = LocalRow(
            version: Ticket(unsafe words[Word.version].load(ordering: .relaxed)), asOf: Ticket(asOf),
            ageNanoseconds: now &- born, isAbsent: upper & Flags.absent.bits != 0, isClosed: false,
            epoch: UInt32(truncatingIfNeeded: unsafe head[Head.epoch].load(ordering: .relaxed)))
        atomicMemoryFence(ordering: .acquiring)
        // Even, and as it was: of slot and horizon.
        return unsafe _fastPath(words[Word.sequence].load(ordering: .relaxed) == sequence)
            && _fastPath(head[Head.sequence].load(ordering: .relaxed) == horizon)
            && _fastPath((sequence | horizon) & 1 == 0)
    }

    /// Begins to load the place where the look for a key begins.
    @inline(__always)
    func prefetchPlace(_ mixed: UInt64) { index.prefetch(index.home(mixed)) }

    /// Begins to load the slot that place names, if its tag is the key's.
    @inline(__always)
    func prefetchSlot(_ mixed: UInt64) {
        let word = index.word(at: index.home(mixed))
        guard word != 0, index.has(word, tag: index.tag(mixed)) else { return }
        let words = unsafe base(index.slot(word))
        unsafe Processor.prefetch(words)
        unsafe Processor.prefetch(words + Word.payload)
    }

    /// Whether a slot in use holds the key.
    @inline(__always)
    static func isKey(_ key: CacheKey, _ words: UnsafeMutablePointer<AtomicWord>, _ meta: UInt64) -> Bool {
        let wanted = UInt64(key.space.rawValue) | UInt64(Flags.held.rawValue) &<< 16
        let found = (meta &>> 32) & (0xFFFF | UInt64(Flags.held.rawValue) &<< 16)
        return unsafe found == wanted && words[Word.id].load(ordering: .relaxed) == key.id
    }

    /// Judges a slot's certificate by the horizon; returns whether its row may be served.
    @inline(__always)
    private func judge(
        _ words: UnsafeMutablePointer<AtomicWord>, _ meta: UInt64, _ bound: AgeBound, _ now: Int64,
        _ reading: inout Reading
    ) -> Bool {
        let flags = Flags(rawValue: UInt8(truncatingIfNeeded: meta &>> 48))
        var asOf = unsafe words[Word.asOf].load(ordering: .relaxed)
        var born = unsafe Int64(bitPattern: words[Word.born].load(ordering: .relaxed))
        if flags.contains(.recertifiable) && !flags.contains(.closed) {
            asOf = max(asOf, unsafe head[Head.watermark].load(ordering: .relaxed))
            born = max(born, Int64(bitPattern: unsafe head[Head.born].load(ordering: .relaxed)))
        }
        let deadline = unsafe Int64(bitPattern: words[Word.deadline].load(ordering: .relaxed))
        guard flags.isDisjoint(with: [.closed, .suspect]), now < deadline, asOf >= bound.atLeast.rawValue,
            now &- born <= bound.maxAgeNanoseconds
        else { return false }
        reading.row = LocalRow(
            version: Ticket(unsafe words[Word.version].load(ordering: .relaxed)), asOf: Ticket(asOf),
            ageNanoseconds: now &- born, isAbsent: flags.contains(.absent), isClosed: false,
            epoch: UInt32(truncatingIfNeeded: unsafe head[Head.epoch].load(ordering: .relaxed)))
        return true
    }

    /// Copies an inline payload, or notes where the block is.
    @inlinable @inline(__always)
    func fetch(
        _ words: UnsafeMutablePointer<AtomicWord>, _ slot: Int32, _ meta: UInt64, _ sequence: UInt64,
        _ inline: UnsafeMutableRawPointer, _ reading: inout Reading
    ) {
        reading.slot = slot
        reading.sequence = sequence
        reading.length = Int32(truncatingIfNeeded: meta)
        reading.block = 0
        // Whole words: the last one's filling is copied with it, and 64 bytes have room for both.
        if _fastPath(UInt32(bitPattern: reading.length &- 57) < 8) {
            unsafe Processor.copyLine(words + Word.payload, to: inline)
        } else if reading.length > Self.inlineBytes {
            reading.block = unsafe words[Word.block].load(ordering: .relaxed)
        } else {
            unsafe Self.copyShort(words + Word.payload, count: (Int(reading.length) &+ 7) &>> 3, to: inline)
        }
    }

    /// Out of line: a loop would take registers from the case above.
    @usableFromInline @inline(never)
    static func copyShort(
        _ words: UnsafeMutablePointer<AtomicWord>, count: Int, to target: UnsafeMutableRawPointer
    ) {
        unsafe copy(words, count: count, to: target)
    }

    @inline(__always)
    private static func copy(_ words: UnsafeMutablePointer<AtomicWord>, count: Int, to target: UnsafeMutableRawPointer)
    {
        var word = 0
        while word < count {
            let value = unsafe words[word].load(ordering: .relaxed).littleEndian
            unsafe target.storeBytes(of: value, toByteOffset: word &* 8, as: UInt64.self)
            word &+= 1
        }
    }

    /// Copies the first bytes of a reading's block over `target`; false where the row changed meanwhile.
    func copyBlock(of reading: Reading, to target: UnsafeMutableRawBufferPointer) -> Bool {
        let count = min(Int(reading.length), target.count)
        guard count > 0, let start = target.baseAddress,
            let words = unsafe UnsafeMutablePointer<AtomicWord>(bitPattern: UInt(reading.block))
        else { return true }
        unsafe Self.copy(words, count: count / 8, to: start)
        if count % 8 != 0 {
            let last = unsafe words[count / 8].load(ordering: .relaxed)
            for byte in 0..<count % 8 {
                let value = UInt8(truncatingIfNeeded: last >> UInt64(byte * 8))
                unsafe start.storeBytes(of: value, toByteOffset: count / 8 * 8 + byte, as: UInt8.self)
            }
        }
        atomicMemoryFence(ordering: .acquiring)
        return unsafe base(reading.slot)[Word.sequence].load(ordering: .relaxed) == reading.sequence
    }
}
