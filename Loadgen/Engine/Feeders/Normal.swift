internal import Arrivals
internal import Glibc

/// Standard normal draws, and the functions beside them.
enum Normal {
    static func log(_ value: Double) -> Double { Glibc.log(value) }
    static func exp(_ value: Double) -> Double { Glibc.exp(value) }

    /// A standard normal draw from two uniforms (Box and Muller 1958).
    static func draw(_ random: inout Xoshiro256) -> Double {
        let radius = (-2 * Glibc.log(random.unit())).squareRoot()
        return radius * cos(2 * Double.pi * random.unit())
    }
}
