import Learning
import Testing

@Suite struct NormalEquationsTests {
    @Test("Normal equations give the regression of the rows, whatever their offset") func normalEquations() throws {
        var random = Xoshiro256StarStar(seed: 6)
        var equations = NormalEquations(columns: 3)
        var rows: [[Double]] = []
        var targets: [Double] = []
        for _ in 0..<200 {
            let row = (0..<3).map { 1e4 * Double($0) + random.normal() }
            let target = 5 + 2 * row[0] - row[1] + 0.5 * row[2] + 0.1 * random.normal()
            rows.append(row)
            targets.append(target)
            equations.add(row, target)
        }
        for alpha in [0, 3.5] {
            let direct = try LinearRegression(rows, targets, alpha: alpha)
            let summed = try equations.regression(alpha: alpha)
            for (a, b) in zip(direct.coefficients, summed.coefficients) { #expect(abs(a - b) < 1e-7) }
            #expect(abs(direct.predict(rows[7]) - summed.predict(rows[7])) < 1e-7)
        }
        var constant = NormalEquations(columns: 2)
        for number in 0..<10 { constant.add([Double(number), 3], Double(2 * number)) }
        let scaled = try constant.regression(alpha: 0, isScaled: true)
        #expect(abs(scaled.coefficients[0] - 2) < 1e-9 && scaled.coefficients[1] == 0)
        #expect(throws: LearningError.self) { try NormalEquations(columns: 1).regression(alpha: 0) }
        #expect(throws: LearningError.self) { try constant.regression(alpha: -1) }
        constant.add([.nan, 1], 1)
        #expect(throws: LearningError.self) { try constant.regression(alpha: 1, isScaled: true) }
    }

    @Test("Copied parameters are those of the other network, and arrays of them outlive it") func parameters() {
        let sizes = RecurrentNetwork.Configuration(kind: .gru, inputs: 3, hidden: 5, layers: 2, dropout: 0)
        let first = RecurrentNetwork(sizes, seed: 1)
        first.copyParameters(from: RecurrentNetwork(sizes, seed: 2))
        #expect(first.parameters == RecurrentNetwork(sizes, seed: 2).parameters)
        #expect(first.parameters != RecurrentNetwork(sizes, seed: 1).parameters)
    }
}
