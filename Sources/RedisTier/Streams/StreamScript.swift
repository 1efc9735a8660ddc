/// The scripts over streams: what must happen together happens in one of them.
///
/// All keys of a script have one hash tag, so that they share a slot. Sent as text: Redis keeps what it compiled.
enum StreamScript {
    /// KEYS stream, counters; ARGV lengthMax, field, amount, payload -> id, or nil where the stream is full.
    ///
    /// Refusing instead of trimming: an entry that nobody has acknowledged is never thrown away.
    static let append = """
        if redis.call('XLEN',KEYS[1])>=tonumber(ARGV[1]) then return false end
        redis.call('HINCRBY',KEYS[2],ARGV[2],ARGV[3])
        return redis.call('XADD',KEYS[1],'*','b',ARGV[4])
        """

    /// KEYS stream, reply stream; ARGV group, id, hasReply, reply, replyLengthMax, replyMs -> 1 done | 0 done before.
    ///
    /// Whoever acknowledges first has the effect; the entry leaves the stream with it.
    static let complete = """
        if redis.call('XACK',KEYS[1],ARGV[1],ARGV[2])==0 then return 0 end
        redis.call('XDEL',KEYS[1],ARGV[2])
        if ARGV[3]=='1' then
          redis.call('XADD',KEYS[2],'MAXLEN','~',ARGV[5],'*','b',ARGV[4])
          redis.call('PEXPIRE',KEYS[2],ARGV[6])
        end
        return 1
        """

    /// KEYS stream, dead letters; ARGV group, id, payload, reason, deliveries, lengthMax -> 1 buried | 0 done before.
    static let bury = """
        if redis.call('XACK',KEYS[1],ARGV[1],ARGV[2])==0 then return 0 end
        redis.call('XDEL',KEYS[1],ARGV[2])
        redis.call('XADD',KEYS[2],'MAXLEN','~',ARGV[6],'*','b',ARGV[3],'stream',KEYS[1],'id',ARGV[2],
          'reason',ARGV[4],'deliveries',ARGV[5])
        return 1
        """

    /// KEYS members, epoch, facts; ARGV name, lifetimeMs, kind (join | leave | look), facts
    /// -> {epoch, name, facts, name, facts ...}, names ascending.
    ///
    /// Redis' own clock judges, so clocks of processes do not matter. The epoch grows with every change of the set.
    static let beat = """
        local t=redis.call('TIME')
        local now=t[1]*1000+math.floor(t[2]/1000)
        local changed=false
        if ARGV[3]=='join' then
          changed=redis.call('ZADD',KEYS[1],now,ARGV[1])==1
          redis.call('HSET',KEYS[3],ARGV[1],ARGV[4])
        elseif ARGV[3]=='leave' then
          changed=redis.call('ZREM',KEYS[1],ARGV[1])==1
          redis.call('HDEL',KEYS[3],ARGV[1])
        end
        for _,name in ipairs(redis.call('ZRANGEBYSCORE',KEYS[1],'-inf',now-tonumber(ARGV[2]))) do
          redis.call('ZREM',KEYS[1],name)
          redis.call('HDEL',KEYS[3],name)
          changed=true
        end
        if changed then redis.call('INCR',KEYS[2]) end
        local names=redis.call('ZRANGE',KEYS[1],0,-1)
        table.sort(names)
        local reply={redis.call('GET',KEYS[2]) or '0'}
        for _,name in ipairs(names) do
          reply[#reply+1]=name
          reply[#reply+1]=redis.call('HGET',KEYS[3],name) or ''
        end
        return reply
        """
}
