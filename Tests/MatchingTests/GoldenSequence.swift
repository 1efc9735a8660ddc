import Market
import Matching

/// A golden sequence in the notation of the reference vectors, and its opposite-side twin.
///
/// `N id side qty@price [IOC|FOK]`, `C id`, `M id qty@price` (the new open quantity; always cancel and insert in
/// these vectors). Output: `A` accepted, `T maker<taker qty@price`, `X id qty` cancelled, `M` modified, `R` rejected.
struct GoldenSequence: Sendable, CustomStringConvertible {
    let id: String
    let input: String
    let output: String
    let bids: String
    let asks: String

    init(_ id: String, _ input: String, _ output: String, bids: String, asks: String) {
        self.id = id
        self.input = input
        self.output = output
        self.bids = bids
        self.asks = asks
    }

    var description: String { id }

    /// The same with sides swapped and every price p mapped to 300,000 - p.
    var twin: GoldenSequence {
        func mapped(_ text: String) -> String {
            text.split(separator: " ", omittingEmptySubsequences: false).map { word in
                if word == "B" { return "S" }
                if word == "S" { return "B" }
                guard let at = word.firstIndex(of: "@") else { return String(word) }
                let tail = word[word.index(after: at)...]
                let digits = tail.prefix { $0.isNumber }
                return "\(word[...at])\(300_000 - (Int(digits) ?? 0))\(tail.dropFirst(digits.count))"
            }.joined(separator: " ")
        }
        return GoldenSequence(id + " twin", mapped(input), mapped(output), bids: mapped(asks), asks: mapped(bids))
    }

    static let all = [
        GoldenSequence(
            "G1", "N1 B 300@1000; N2 B 200@1000; N3 B 100@1000; C2; N4 S 400@1000 IOC",
            "A1; A2; A3; X2 200; A4; T1<4 300@1000; T3<4 100@1000", bids: "-", asks: "-"),
        GoldenSequence(
            "G2", "N1 S 300@1000; N2 S 200@1000; N3 S 100@1000; C1; N4 B 250@1000 IOC",
            "A1; A2; A3; X1 300; A4; T2<4 200@1000; T3<4 50@1000", bids: "-", asks: "50@1000"),
        GoldenSequence(
            "G3", "N1 S 100@1001; N2 S 200@1003; C1; N3 B 200@1002 IOC; N4 B 200@1003 IOC",
            "A1; A2; X1 100; A3; X3 200; A4; T2<4 200@1003", bids: "-", asks: "-"),
        GoldenSequence(
            "G4", "N1 S 100@1000; N2 B 100@1007 IOC; N3 B 100@2000; N4 S 100@1990 IOC",
            "A1; A2; T1<2 100@1000; A3; A4; T3<4 100@2000", bids: "-", asks: "-"),
        GoldenSequence(
            "G5", "N1 S 100@1000; N2 B 250@1000 IOC; N3 S 50@1000 IOC",
            "A1; A2; T1<2 100@1000; X2 150; A3; X3 50", bids: "-", asks: "-"),
        GoldenSequence(
            "G6", "N1 S 100@1000; N2 S 200@1005; N3 B 300@1002; N4 S 150@1002 IOC",
            "A1; A2; A3; T1<3 100@1000; A4; T3<4 150@1002", bids: "50@1002", asks: "200@1005"),
        GoldenSequence(
            "G7", "N1 S 100@1002; N2 S 100@1000; N3 S 100@1001; N4 B 350@1002; N5 S 20@1002 IOC",
            "A1; A2; A3; A4; T2<4 100@1000; T3<4 100@1001; T1<4 100@1002; A5; T4<5 20@1002",
            bids: "30@1002", asks: "-"),
        GoldenSequence(
            "G8", "N1 B 100@1000; N2 B 100@1000; N3 B 100@1000; N4 S 150@1000 IOC; N5 S 100@1000 IOC",
            "A1; A2; A3; A4; T1<4 100@1000; T2<4 50@1000; A5; T2<5 50@1000; T3<5 50@1000",
            bids: "50@1000", asks: "-"),
        GoldenSequence(
            "G9", "N1 S 100@1000; N2 S 100@1000; N3 B 100@1000 IOC", "A1; A2; A3; T1<3 100@1000",
            bids: "-", asks: "100@1000"),
        GoldenSequence(
            "G10", "N1 S 100@1000; N2 B 100@1000; C1; M1 50@1001; N3 B 100@999; C3; C3; M3 100@998",
            "A1; A2; T1<2 100@1000; R1; R1; A3; X3 100; R3; R3", bids: "-", asks: "-"),
        GoldenSequence("G11", "C999; M999 100@1000", "R999; R999", bids: "-", asks: "-"),
        GoldenSequence(
            "G12", "N1 S 100@1000; N2 B 100@990; M2 100@1006", "A1; A2; M2; T1<2 100@1000", bids: "-", asks: "-"),
        GoldenSequence(
            "G13", "N1 B 100@1000; N2 B 100@1000; M1 100@999; N3 S 100@1000 IOC",
            "A1; A2; M1; A3; T2<3 100@1000", bids: "100@999", asks: "-"),
        GoldenSequence(
            "G14", "N1 S 100@1000; N2 B 40@1000; M1 60@1001; N3 B 60@1001 IOC",
            "A1; A2; T1<2 40@1000; M1; A3; T1<3 60@1001", bids: "-", asks: "-"),
        GoldenSequence(
            "G15", "N1 S 100@1000; N2 S 100@1001; N3 B 250@1001 FOK; N4 B 200@1001 FOK",
            "A1; A2; A3; X3 250; A4; T1<4 100@1000; T2<4 100@1001", bids: "-", asks: "-"),
        GoldenSequence(
            "G16", "N1 B 100@1000; C1; N2 B 80@950; N3 S 80@950 IOC", "A1; X1 100; A2; A3; T2<3 80@950",
            bids: "-", asks: "-"),
        GoldenSequence(
            "G17", "N1 S 100@200000; N2 B 100@200000 IOC", "A1; A2; T1<2 100@200000", bids: "-", asks: "-"),
    ]
}

/// Runs the notation through a book.
struct GoldenRunner {
    let book: OrderBook
    private var references: [UInt64: (OrderReference, Side)] = [:]
    private var output: [String] = []

    init(book: OrderBook) { self.book = book }

    mutating func run(_ input: String) -> String {
        for command in input.components(";") {
            let words = command.components(" ")
            let id = UInt64(words[0].dropFirst()) ?? 0
            switch words[0].first {
            case "N": enter(id, side: words[1] == "B" ? .buy : .sell, terms: words[2], words.dropFirst(3).first)
            case "C": cancel(id)
            default: modify(id, terms: words[1])
            }
        }
        return output.joined(separator: "; ")
    }

    private func order(_ id: UInt64, _ side: Side, _ terms: String) -> IncomingOrder {
        let numbers = terms.components("@").compactMap { Int64($0) }
        return IncomingOrder(
            id: id, side: side, price: Price(milli: numbers[1] * 10), quantity: Quantity(numbers[0]))
    }

    private mutating func enter(_ id: UInt64, side: Side, terms: String, _ inForce: String?) {
        var order = order(id, side, terms)
        if inForce == "IOC" { order.timeInForce = .immediateOrCancel }
        if inForce == "FOK" { order.timeInForce = .fillOrKill }
        var fills: [Fill] = []
        let placement = book.add(order, fills: &fills)
        output.append("A\(id)")
        note(placement, fills, id, side)
    }

    private mutating func modify(_ id: UInt64, terms: String) {
        let (reference, side) = references[id] ?? (.none, .buy)
        var fills: [Fill] = []
        let placement = book.replace(reference, order: id, with: order(id, side, terms), fills: &fills)
        if case .refused = placement.outcome {
            output.append("R\(id)")
        } else {
            output.append("M\(id)")
            note(placement, fills, id, side)
        }
    }

    private mutating func cancel(_ id: UInt64) {
        switch book.cancel(references[id]?.0 ?? .none, order: id) {
        case .done(let removed, _): output.append("X\(id) \(removed.shares)")
        case .refused: output.append("R\(id)")
        }
    }

    private mutating func note(_ placement: Placement, _ fills: [Fill], _ id: UInt64, _ side: Side) {
        if placement.outcome == .rested { references[id] = (placement.reference, side) }
        for fill in fills {
            output.append("T\(fill.maker)<\(fill.taker) \(fill.quantity.shares)@\(fill.price.milli / 10)")
        }
        if placement.cancelled.shares > 0 { output.append("X\(id) \(placement.cancelled.shares)") }
    }

    func left(_ side: Side) -> String {
        let levels = book.depth(side).map { "\($0.quantity.shares)@\($0.price.milli / 10)" }
        return levels.isEmpty ? "-" : levels.joined(separator: ", ")
    }
}

extension String {
    fileprivate func components(_ separator: Character) -> [String] {
        split(separator: separator).map { $0.drop { $0 == " " } }.map { String($0) }.filter { !$0.isEmpty }
    }
}
