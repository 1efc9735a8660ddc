/// Writes RESP commands: arrays of bulk strings, lengths in front, so no byte of an argument can be misread.
package enum CommandEncoder {
    /// Appends `*count`, the head of a command with that many arguments, its name included.
    package static func head(_ count: Int, to buffer: inout [UInt8]) {
        buffer.append(UInt8(ascii: "*"))
        decimal(UInt64(count), to: &buffer)
        newline(&buffer)
    }

    /// Appends one argument.
    package static func argument(_ bytes: some Collection<UInt8>, to buffer: inout [UInt8]) {
        buffer.append(UInt8(ascii: "$"))
        decimal(UInt64(bytes.count), to: &buffer)
        newline(&buffer)
        buffer.append(contentsOf: bytes)
        newline(&buffer)
    }

    /// Appends a decimal number as one argument.
    package static func argument(_ number: UInt64, to buffer: inout [UInt8]) {
        buffer.append(UInt8(ascii: "$"))
        decimal(UInt64(digits(number)), to: &buffer)
        newline(&buffer)
        decimal(number, to: &buffer)
        newline(&buffer)
    }

    /// A whole command of text arguments, for the few that are not on the hot path.
    package static func command(_ arguments: String...) -> [UInt8] {
        var buffer: [UInt8] = []
        head(arguments.count, to: &buffer)
        for text in arguments { argument(text.utf8, to: &buffer) }
        return buffer
    }

    /// Appends the decimal digits of `number`.
    package static func decimal(_ number: UInt64, to buffer: inout [UInt8]) {
        decimal(number, width: digits(number), to: &buffer)
    }

    /// Appends `width` decimal digits of `number`, zero padded; higher digits are cut off.
    package static func decimal(_ number: UInt64, width: Int, to buffer: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: width) { digits in
            var rest = number
            for index in (0..<width).reversed() {
                digits[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            buffer.append(contentsOf: digits)
        }
    }

    /// Appends 16 lower-case hexadecimal digits.
    package static func hexadecimal(_ number: UInt64, to buffer: inout [UInt8]) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(shift)) & 15
            buffer.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    /// How many decimal digits `number` has.
    static func digits(_ number: UInt64) -> Int {
        var count = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }

    private static func newline(_ buffer: inout [UInt8]) {
        buffer.append(13)
        buffer.append(10)
    }
}
