internal import CacheStack

/// The parameters of one statement in PostgreSQL's binary format, in one buffer that is used again and again.
///
/// An array travels as: dimensions (1, or 0 when empty), null flag (0), element type oid, length, lower bound (1), then
/// for each element its length and its bytes; all integers in network byte order (array_send in the server's
/// arrayfuncs.c). Columns are gathered straight from a write set's flat payload bytes: no allocation per row.
final class ParameterBuffer {
    /// Element types by their oid (pg_type.dat).
    enum Element: UInt32 {
        case bytea = 17, int8 = 20, int2 = 21, int4 = 23, text = 25
    }

    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var byteCount = 0
    private var starts: [Int] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []
    private var values: [UnsafePointer<CChar>?] = []

    init(capacity: Int = 4_096) {
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 8)
    }

    deinit { base.deallocate() }

    /// Number of parameters.
    var count: Int { starts.count }

    /// Forgets the parameters and keeps the memory.
    func clear() {
        byteCount = 0
        starts.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
    }

    func append(_ value: Int64) {
        begin()
        write(value)
        end()
    }

    func append(_ value: Int32) {
        begin()
        write(value)
        end()
    }

    /// Raw bytes: a bytea or text parameter.
    func append(_ bytes: some Collection<UInt8>) {
        begin()
        let target = extend(bytes.count)
        UnsafeMutableRawBufferPointer(start: target, count: bytes.count).copyBytes(from: bytes)
        end()
    }

    /// A bigint array; ids keep their bit pattern.
    func append(array ids: [UInt64]) {
        beginArray(.int8, ids.count)
        let target = extend(ids.count * 12)
        for index in ids.indices {
            put(Int32(8), target + index * 12)
            put(Int64(bitPattern: ids[index]), target + index * 12 + 4)
        }
        end()
    }

    /// The high (`shift` 32) or low (`shift` 0) halves of the ids as an integer array.
    func append(halvesOf ids: [UInt64], shift: UInt64) {
        beginArray(.int4, ids.count)
        let target = extend(ids.count * 8)
        for index in ids.indices {
            put(Int32(4), target + index * 8)
            put(Int32(truncatingIfNeeded: ids[index] >> shift), target + index * 8 + 4)
        }
        end()
    }

    /// A text array.
    func append(array texts: [String]) {
        beginArray(.text, texts.count)
        for text in texts {
            write(Int32(text.utf8.count))
            UnsafeMutableRawBufferPointer(start: extend(text.utf8.count), count: text.utf8.count)
                .copyBytes(from: text.utf8)
        }
        end()
    }

    /// One field of `rows` payloads, `stride` bytes apart, as an array.
    ///
    /// - Throws: a refusal (SQLSTATE 22001) where a length byte exceeds the field's maximum.
    func append(
        _ type: SpaceSchema.FieldType, at offset: Int, stride: Int, rows: Int, of payloads: UnsafeRawBufferPointer
    ) throws(DatabaseFault) {
        precondition(rows * stride <= payloads.count, "payloads end early")
        switch type {
        case .int16: integers(.int2, UInt16.self, offset, stride, rows, payloads)
        case .int32: integers(.int4, UInt32.self, offset, stride, rows, payloads)
        case .int64: integers(.int8, UInt64.self, offset, stride, rows, payloads)
        case .text(let max): try sized(.text, max, offset, stride, rows, payloads)
        case .bytes(let max): try sized(.bytea, max, offset, stride, rows, payloads)
        }
    }

    /// One field of payloads with wide fields, as an array: it begins at `cursors`, which move behind it.
    ///
    /// - Parameter ends: where the payloads end.
    /// - Throws: a refusal (SQLSTATE 22001) where a length exceeds the field's maximum, or the payload.
    func append(
        _ type: SpaceSchema.FieldType, at cursors: inout [Int], ends: [Int], of payloads: UnsafeRawBufferPointer
    ) throws(DatabaseFault) {
        precondition(cursors.count == ends.count && ends.allSatisfy { $0 <= payloads.count }, "payloads end early")
        switch type {
        case .int16: try integers(.int2, UInt16.self, &cursors, ends, payloads)
        case .int32: try integers(.int4, UInt32.self, &cursors, ends, payloads)
        case .int64: try integers(.int8, UInt64.self, &cursors, ends, payloads)
        case .text(let max): try sized(.text, type, max, &cursors, ends, payloads)
        case .bytes(let max): try sized(.bytea, type, max, &cursors, ends, payloads)
        }
    }

    /// Calls `body` with the parameters as libpq wants them; the pointers are valid only inside.
    func withArguments<R>(
        _ body: (
            Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> R
    ) -> R {
        values.removeAll(keepingCapacity: true)
        for start in starts { values.append(UnsafeRawPointer(base + start).assumingMemoryBound(to: CChar.self)) }
        while formats.count < starts.count { formats.append(1) }
        return body(Int32(starts.count), values, lengths, formats)
    }

    /// The bytes of parameter `index`: for tests.
    func bytes(_ index: Int) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: base + starts[index], count: Int(lengths[index])))
    }

    private func integers<T: FixedWidthInteger>(
        _ element: Element, _ type: T.Type, _ offset: Int, _ stride: Int, _ rows: Int,
        _ payloads: UnsafeRawBufferPointer
    ) {
        beginArray(element, rows)
        let size = MemoryLayout<T>.size
        let target = extend(rows * (size + 4))
        guard rows > 0, let source = payloads.baseAddress else { return end() }
        for row in 0..<rows {
            put(Int32(size), target + row * (size + 4))
            let value = (source + row * stride + offset).loadUnaligned(as: T.self)
            put(T(littleEndian: value), target + row * (size + 4) + 4)
        }
        end()
    }

    private func sized(
        _ element: Element, _ max: Int, _ offset: Int, _ stride: Int, _ rows: Int, _ payloads: UnsafeRawBufferPointer
    ) throws(DatabaseFault) {
        beginArray(element, rows)
        for row in 0..<rows {
            let start = row * stride + offset
            let length = Int(payloads[start])
            guard length <= max else {
                throw DatabaseFault(.statement, sqlState: "22001", "a field of at most \(max) bytes has \(length)")
            }
            write(Int32(length))
            UnsafeMutableRawBufferPointer(start: extend(length), count: length)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: payloads[start + 1..<start + 1 + length]))
        }
        end()
    }

    private func integers<T: FixedWidthInteger>(
        _ element: Element, _ type: T.Type, _ cursors: inout [Int], _ ends: [Int],
        _ payloads: UnsafeRawBufferPointer
    ) throws(DatabaseFault) {
        beginArray(element, cursors.count)
        let size = MemoryLayout<T>.size
        for row in cursors.indices {
            guard cursors[row] + size <= ends[row] else { throw Self.endsEarly }
            write(Int32(size))
            write(T(littleEndian: payloads.loadUnaligned(fromByteOffset: cursors[row], as: T.self)))
            cursors[row] += size
        }
        end()
    }

    private func sized(
        _ element: Element, _ type: SpaceSchema.FieldType, _ max: Int, _ cursors: inout [Int], _ ends: [Int],
        _ payloads: UnsafeRawBufferPointer
    ) throws(DatabaseFault) {
        beginArray(element, cursors.count)
        let prefix = type.isWide ? 4 : 1
        for row in cursors.indices {
            guard cursors[row] + prefix <= ends[row] else { throw Self.endsEarly }
            let length =
                type.isWide
                ? Int(UInt32(littleEndian: payloads.loadUnaligned(fromByteOffset: cursors[row], as: UInt32.self)))
                : Int(payloads[cursors[row]])
            let start = cursors[row] + prefix
            guard length <= max else {
                throw DatabaseFault(.statement, sqlState: "22001", "a field of at most \(max) bytes has \(length)")
            }
            cursors[row] = start + (type.isWide ? length : max)
            guard cursors[row] <= ends[row] else { throw Self.endsEarly }
            write(Int32(length))
            UnsafeMutableRawBufferPointer(start: extend(length), count: length)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: payloads[start..<start + length]))
        }
        end()
    }

    private static var endsEarly: DatabaseFault {
        DatabaseFault(.statement, sqlState: "22001", "a payload ends within its fields")
    }

    private func beginArray(_ element: Element, _ count: Int) {
        begin()
        write(Int32(count == 0 ? 0 : 1))
        write(Int32(0))
        write(element.rawValue)
        guard count > 0 else { return }
        write(Int32(count))
        write(Int32(1))
    }

    private func begin() { starts.append(byteCount) }

    private func end() { lengths.append(Int32(byteCount - starts[starts.count - 1])) }

    private func write(_ value: some FixedWidthInteger) { put(value, extend(value.bitWidth / 8)) }

    @inline(__always)
    private func put<T: FixedWidthInteger>(_ value: T, _ target: UnsafeMutableRawPointer) {
        target.storeBytes(of: value.bigEndian, as: T.self)
    }

    /// Room for `size` more bytes; the pointer is valid until the next call.
    private func extend(_ size: Int) -> UnsafeMutableRawPointer {
        if byteCount + size > capacity { grow(byteCount + size) }
        defer { byteCount += size }
        return base + byteCount
    }

    private func grow(_ needed: Int) {
        capacity = max(capacity * 2, needed)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        larger.copyMemory(from: base, byteCount: byteCount)
        base.deallocate()
        base = larger
    }
}
