internal import CacheStack

/// Lets the faults of the plan happen, each at its own pace, until the run is healed.
struct Nemesis: Sendable {
    let world: World

    /// Starts one task for each fault of the plan.
    func start() {
        for fault in Fault.allCases {
            guard let rate = world.plan.rates[fault], rate > 10_000 else { continue }
            world.lane.start { await run(fault, rate) }
        }
    }

    private func run(_ fault: Fault, _ rate: Int64) async {
        while !world.isHealed {
            await world.scheduler.sleep(world.faults.waiting(mean: rate))
            guard !world.isHealed else { return }
            world.fired[fault, default: 0] += 1
            world.scheduler.note(UInt64(fault.rawValue))
            await happen(fault)
        }
    }

    /// How long a fault lasts: 0.1 to 20 s, the shorter the more likely.
    private func span() -> Int64 { world.faults.within(100_000_000...20_000_000_000) >> Int64(world.faults.below(5)) }

    private func host() -> Host { world.hosts[world.faults.below(world.hosts.count)] }

    private func happen(_ fault: Fault) async {
        let redis = world.redis
        switch fault {
        case .flush: redis.flush()
        case .eviction: redis.evict(world.faults.below(world.plan.keys))
        case .rollback:
            redis.takeBackup()
            await world.scheduler.sleep(span())
            redis.failOver(leavesZombie: false)
        case .zombie: await leaveZombie()
        case .l2Down:
            redis.isDown = true
            for host in world.hosts { host.feed.disconnect(silent: false) }
            await world.scheduler.sleep(span())
            redis.isDown = false
            for host in world.hosts { host.feed.connect() }
        case .poison: redis.poison(world.faults.below(world.plan.keys))
        case .partitionedFromL2, .partitionedFromL3, .stalledStream, .pause, .crash, .brokenFeed:
            await happen(fault, to: host())
        default: await happenToL3(fault)
        }
    }

    private func leaveZombie() async {
        world.redis.takeBackup()
        await world.scheduler.sleep(span())
        world.redis.failOver(leavesZombie: true)
        let hosts = world.hosts.filter { _ in world.faults.chance(5_000) }
        for host in hosts { host.seesZombie = true }
        await world.scheduler.sleep(span())
        for host in hosts { host.seesZombie = false }
        world.redis.relink(hosts)
        world.redis.endZombie()
    }

    private func happenToL3(_ fault: Fault) async {
        let server = world.server
        switch fault {
        case .stalledCommit: world.commitStall = span()
        case .l3Restart:
            server.goDown()
            await world.scheduler.sleep(span())
            server.comeUp()
        case .l3ReadOnly:
            server.isReadOnly = true
            await world.scheduler.sleep(span())
            server.isReadOnly = false
        case .l3Restored:
            server.takeBackup()
            await world.scheduler.sleep(span())
            server.restoreBackup()
        case .clockStepBack:
            server.stepClock(by: -world.faults.within(1...5_000_000))
            // A process that starts before the next commit cannot know of the step.
            if world.plan.has(.crash), world.faults.chance(5_000) { crash(host()) }
        case .prunedOutbox: server.prune(keeping: UInt64(world.faults.below(3)))
        default: break
        }
    }

    /// Kills a process and starts another in its place.
    private func crash(_ host: Host) {
        guard !host.isDead, let place = world.hosts.firstIndex(where: { $0 === host }) else { return }
        host.die()
        world.place(Host(world), at: place)
    }

    private func happen(_ fault: Fault, to host: Host) async {
        switch fault {
        case .partitionedFromL2:
            host.isCutFromL2 = true
            host.feed.disconnect(silent: true)
            await world.scheduler.sleep(span())
            host.isCutFromL2 = false
            host.feed.connect()
        case .partitionedFromL3:
            host.isCutFromL3 = true
            await world.scheduler.sleep(span())
            host.isCutFromL3 = false
        case .stalledStream:
            host.isStreamStalled = true
            await world.scheduler.sleep(span())
            host.isStreamStalled = false
        case .pause:
            host.lane.pause()
            await world.scheduler.sleep(span())
            host.resume()
        case .brokenFeed:
            host.feed.disconnect(silent: world.faults.chance(5_000))
            await world.scheduler.sleep(span())
            host.feed.connect()
        case .crash: crash(host)
        default: break
        }
    }
}
