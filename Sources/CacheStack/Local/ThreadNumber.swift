public import CProcessor
internal import Glibc
internal import Synchronization

/// Small numbers for the process's threads: the lowest free one at a thread's first use, free again when it ends.
///
/// What a thread alone may write needs no read-modify-write. The number is kept under a key, which gives it back when
/// the thread ends, and in a word of the thread's own storage too, from where reading it is one load.
/// A number's next owner sees all that the one before wrote: both go through the registry's lock.
@usableFromInline
struct ThreadNumber: Sendable {
    private static let taken = Mutex<[Bool]>([])
    private static let shared = ThreadNumber()

    private let key: pthread_key_t

    private init() {
        var key = pthread_key_t()
        let code = unsafe pthread_key_create(&key) { value in
            cprocessor_set_thread_word(0)
            ThreadNumber.release(Int(bitPattern: value) - 1)
        }
        precondition(code == 0, "the process has a thread-specific key left")
        self.key = key
    }

    /// The process's registry; hold a copy where numbers are read often.
    static var registry: ThreadNumber { shared }

    /// The calling thread's number, or -1 where it has none yet.
    @inlinable @inline(__always)
    var known: Int {
        // Numbers are stored from 1 on: zero means none yet.
        Int(bitPattern: cprocessor_thread_word()) &- 1
    }

    /// The calling thread's number, from 0.
    @inlinable @inline(__always)
    var current: Int {
        let known = known
        return known >= 0 ? known : first()
    }

    @usableFromInline @inline(never)
    func first() -> Int {
        let number = Self.taken.withLock { taken in
            let free = taken.firstIndex(of: false) ?? taken.count
            if free == taken.count { taken.append(true) } else { taken[free] = true }
            return free
        }
        let code = unsafe pthread_setspecific(key, UnsafeRawPointer(bitPattern: number + 1))
        precondition(code == 0, "the thread's number is stored")
        cprocessor_set_thread_word(UInt(number + 1))
        return number
    }

    private static func release(_ number: Int) {
        taken.withLock { $0[number] = false }
    }
}
