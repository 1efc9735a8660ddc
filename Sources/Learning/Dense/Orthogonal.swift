extension Linear {
    /// Weights with orthonormal rows, or columns where there are more rows than columns, times `gain`; biases 0.
    ///
    /// The Q factor of a Gaussian matrix with the signs of R's diagonal made positive, as `torch.nn.init.orthogonal_`
    /// (Saxe et al. 2014), by modified Gram-Schmidt in 64 bits, done twice for orthogonality to rounding.
    public func initialiseOrthogonal(_ values: Floats, gain: Float, random: inout Xoshiro256StarStar) {
        let length = max(inputs, outputs)
        var basis: [[Double]] = []
        while basis.count < min(inputs, outputs) {
            var vector = (0..<length).map { _ in random.normal() }
            for _ in 0..<2 {
                for other in basis {
                    let dot = zip(vector, other).reduce(0) { $0 + $1.0 * $1.1 }
                    for index in vector.indices { vector[index] -= dot * other[index] }
                }
            }
            let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard norm > 1e-9 else { continue }
            basis.append(vector.map { $0 / norm })
        }
        let weights = values.matrix(weight)
        for row in 0..<outputs {
            for column in 0..<inputs {
                let element = outputs <= inputs ? basis[row][column] : basis[column][row]
                weights[row, column] = gain * Float(element)
            }
        }
        values.run(bias).fill(0)
    }
}
