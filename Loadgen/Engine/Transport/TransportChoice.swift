/// Makes the transport of a plan.
enum TransportChoice {
    static func make(_ setting: TransportSetting) throws(LoadError) -> any Transport {
        let target = setting.plan.target
        target.raiseDescriptorLimit()
        if case .inProcess(let name) = target.transport { return try InProcessTransport(setting, name) }
        try require(!setting.clock.isSimulated, "simulated time needs an in-process target")
        switch target.transport {
        case .inProcess(let name): return try InProcessTransport(setting, name)
        case .fix(let fix): return try FIXTransport(setting, fix, try streams(target))
        case .http(let http): return try HTTPTransport(setting, http, try streams(target))
        }
    }

    private static func streams(_ target: TargetPlan) throws(LoadError) -> any StreamSource {
        guard let tls = target.tls else { return PlainStreamSource(target.endpoint) }
        return try TLSStreamSource(target.endpoint, tls)
    }
}
