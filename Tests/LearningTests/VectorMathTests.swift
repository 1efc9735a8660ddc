import Foundation
import Learning
import Testing

@Suite struct VectorMathTests {
    /// libm's exponential.
    static func exponential(_ x: Float) -> Float { expf(x) }
    /// libm's sine.
    static func sine(_ x: Double) -> Double { sin(x) }
    /// libm's power.
    static func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }

    /// Distance of `value` from `exact` in units of the last place of `exact`.
    static func ulps(_ value: Float, _ exact: Double) -> Double {
        abs(Double(value) - exact) / Double(Float(exact).ulp)
    }

    /// Largest error of `function` over a fine grid of [low, high], in ulps.
    func largestError(
        _ low: Double, _ high: Double, _ function: (Floats, Floats) -> Void, _ exact: (Double) -> Double
    ) -> Double {
        let count = 1_000_003
        let input = FloatBuffer(count: count)
        let output = FloatBuffer(count: count)
        for index in 0..<count { input.floats[index] = Float(low + (high - low) * Double(index) / Double(count - 1)) }
        function(input.floats, output.floats)
        var worst = 0.0
        for index in 0..<count {
            worst = max(worst, Self.ulps(output.floats[index], exact(Double(input.floats[index]))))
        }
        return worst
    }

    @Test("exp is within 2 ulp of libm's double") func exponential() {
        let worst = largestError(-87.2, 88.2, { VectorMath.exp($0, into: $1) }, { exp($0) })
        #expect(worst <= 2)
        if TestFigures.isWanted { print("figures exp \(worst) ulp") }
    }

    @Test("sigmoid is within 3 ulp") func logistic() {
        let worst = largestError(-87, 88, { VectorMath.sigmoid($0, into: $1) }, { 1 / (1 + exp(-$0)) })
        #expect(worst <= 3)
        if TestFigures.isWanted { print("figures sigmoid \(worst) ulp") }
    }

    @Test("tanh is within 3 ulp, also next to zero and at the seam", arguments: [0.001, 0.7, 10, 80])
    func hyperbolicTangent(_ limit: Double) {
        let worst = largestError(-limit, limit, { VectorMath.tanh($0, into: $1) }, { tanh($0) })
        #expect(worst <= 3)
        if TestFigures.isWanted { print("figures tanh on \(limit) \(worst) ulp") }
    }

    @Test("Limits, infinities and NaN") func limits() {
        let input = FloatBuffer(count: 7)
        let output = FloatBuffer(count: 7)
        let nan = Float(bitPattern: 0x7FC0_01FF)
        input.floats.copy(from: [0, -0.0, .infinity, -.infinity, nan, 1000, -1000])
        VectorMath.tanh(input.floats, into: output.floats)
        #expect(output.floats.array[..<4] == [0, 0, 1, -1] && output.floats[4].isNaN)
        #expect(output.floats[5] == 1 && output.floats[6] == -1)
        VectorMath.sigmoid(input.floats, into: output.floats)
        #expect(output.floats[0] == 0.5 && output.floats[2] == 1 && output.floats[3] < 1e-38)
        #expect(output.floats[4].isNaN)
        VectorMath.exp(input.floats, into: output.floats)
        #expect(output.floats[0] == 1 && output.floats[2].isFinite && output.floats[3] < 2e-38)
        #expect(output.floats[4].isNaN)
    }

    @Test("Products equal a plain triple loop in every form, on views and with accumulation") func products() {
        var random = Xoshiro256StarStar(seed: 1)
        for _ in 0..<60 {
            let m = 1 + random.below(9)
            let n = 1 + random.below(40)
            let k = 1 + random.below(40)
            for (formA, formB) in [
                (Matrix.Form.plain, Matrix.Form.plain), (.plain, .transposed), (.transposed, .plain),
            ] {
                let aShape = formA == .plain ? (m, k) : (k, m)
                let bShape = formB == .plain ? (k, n) : (n, k)
                let a = OwnedMatrix(uniform(aShape.0 * (aShape.1 + 3), &random), columns: aShape.1 + 3)
                let b = OwnedMatrix(uniform(bShape.0 * (bShape.1 + 1), &random), columns: bShape.1 + 1)
                let left = Matrix(a.matrix.floats, rows: aShape.0, columns: aShape.1, stride: aShape.1 + 3)
                let right = Matrix(b.matrix.floats, rows: bShape.0, columns: bShape.1, stride: bShape.1 + 1)
                let c = OwnedMatrix([Float](repeating: 2, count: m * n), columns: n)
                c.matrix.setProduct(left, formA, right, formB, accumulate: true)
                for row in 0..<m {
                    for column in 0..<n {
                        let exact = (0..<k).reduce(2.0) { sum, index in
                            let x = formA == .plain ? left[row, index] : left[index, row]
                            let y = formB == .plain ? right[index, column] : right[column, index]
                            return sum + Double(x) * Double(y)
                        }
                        #expect(abs(Double(c.matrix[row, column]) - exact) < 1e-5)
                    }
                }
            }
        }
    }

    @Test("A product without inner size is zero; one added to is unchanged") func emptyProducts() {
        let a = Matrix(FloatBuffer(count: 0).floats, rows: 2, columns: 0)
        let b = Matrix(FloatBuffer(count: 0).floats, rows: 0, columns: 3)
        let c = OwnedMatrix([1, 2, 3, 4, 5, 6], columns: 3)
        c.matrix.setProduct(a, .plain, b, .plain, accumulate: true)
        #expect(c.array == [1, 2, 3, 4, 5, 6])
        c.matrix.setProduct(a, .plain, b, .plain)
        #expect(c.array == [0, 0, 0, 0, 0, 0])
    }
}
