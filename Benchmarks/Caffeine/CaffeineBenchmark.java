import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CyclicBarrier;

/**
 * The peer of CacheBenchmark: the same key sequences on a Caffeine cache, one run for each line on standard input.
 *
 * Arguments: the file of key sequences (32-bit integers, least significant byte first), their number, the number of
 * entries. A line "get THREADS OPERATIONS", "mixed ..." (each fourth one a put) or "batch ..." (16 keys at a time) is
 * answered by
 * "WALL-NANOSECONDS CPU-NANOSECONDS MISSES"; times are from the first thread's start to the last one's end, and the
 * processor time of the whole process meanwhile, so that the cache's own housekeeping is in it. Keys are boxed once
 * and two values a key made once, so that 64 bytes an entry are in use and the loop itself allocates nothing, but for
 * the map that getAllPresent returns. All 64 bytes of what a get returns are added up.
 */
public final class CaffeineBenchmark {
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());
    private static final int BATCH = 16;
    private static volatile long sink;
    private static byte[][][] values;

    public static void main(String[] arguments) throws Exception {
        int[][] sequences = read(arguments[0], Integer.parseInt(arguments[1]));
        int entries = Integer.parseInt(arguments[2]);
        Cache<Long, byte[]> cache = Caffeine.newBuilder().maximumSize(entries).initialCapacity(entries).build();
        Long[] keys = new Long[entries];
        values = new byte[2][entries][64];
        for (int id = 0; id < entries; id++) {
            keys[id] = (long) id;
            cache.put(keys[id], values[0][id]);
        }
        cache.cleanUp();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.split(" ");
            System.out.println(
                run(cache, keys, sequences, words[0], Integer.parseInt(words[1]),
                    Integer.parseInt(words[2])));
        }
    }

    private static int[][] read(String file, int count) throws Exception {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(Paths.get(file))).order(ByteOrder.LITTLE_ENDIAN);
        int[][] sequences = new int[count][bytes.remaining() / 4 / count];
        for (int[] sequence : sequences) {
            for (int i = 0; i < sequence.length; i++) {
                sequence[i] = bytes.getInt();
            }
        }
        return sequences;
    }

    private static String run(
            Cache<Long, byte[]> cache, Long[] keys, int[][] sequences, String kind, int threads, int operations)
            throws Exception {
        long[][] results = new long[threads][];
        CyclicBarrier barrier = new CyclicBarrier(threads);
        Thread[] workers = new Thread[threads];
        long cpu = processorTime();
        for (int number = 0; number < threads; number++) {
            int thread = number;
            workers[thread] = new Thread(() -> {
                try {
                    barrier.await();
                } catch (Exception interrupted) {
                    throw new IllegalStateException(interrupted);
                }
                results[thread] = kind.equals("batch")
                    ? batches(cache, keys, sequences[thread], operations)
                    : loop(cache, keys, sequences[thread], kind.equals("mixed"), operations);
            });
            workers[thread].start();
        }
        long first = Long.MAX_VALUE;
        long last = Long.MIN_VALUE;
        long misses = 0;
        for (int number = 0; number < threads; number++) {
            workers[number].join();
            first = Math.min(first, results[number][0]);
            last = Math.max(last, results[number][1]);
            misses += results[number][2];
        }
        cpu = processorTime() - cpu;
        return (last - first) + " " + cpu + " " + misses;
    }

    private static long[] loop(
            Cache<Long, byte[]> cache, Long[] keys, int[] sequence, boolean isMixed, int operations) {
        byte[][][] values = CaffeineBenchmark.values;
        int mask = sequence.length - 1;
        long misses = 0;
        long sum = 0;
        long start = System.nanoTime();
        for (int i = 0; i < operations; i++) {
            int id = sequence[i & mask];
            if (isMixed && (i & 3) == 3) {
                cache.put(keys[id], values[i >> 2 & 1][id]);
                continue;
            }
            byte[] value = cache.getIfPresent(keys[id]);
            if (value == null) {
                misses++;
            } else {
                sum += add(value);
            }
        }
        long end = System.nanoTime();
        sink = sum;
        return new long[] {start, end, misses};
    }

    private static long add(byte[] value) {
        long sum = 0;
        for (int i = 0; i < 64; i += 8) {
            sum += (long) LONGS.get(value, i);
        }
        return sum;
    }

    /** Misses are keys that the map lacks; a key that comes twice in a batch is one of its keys. */
    private static long[] batches(Cache<Long, byte[]> cache, Long[] keys, int[] sequence, int operations) {
        int mask = sequence.length - 1;
        Long[] batch = new Long[BATCH];
        long misses = 0;
        long sum = 0;
        long start = System.nanoTime();
        for (int i = 0; i < operations; i += BATCH) {
            for (int j = 0; j < BATCH; j++) {
                batch[j] = keys[sequence[(i + j) & mask]];
            }
            Map<Long, byte[]> found = cache.getAllPresent(Arrays.asList(batch));
            for (Long key : batch) {
                byte[] value = found.get(key);
                if (value == null) {
                    misses++;
                } else {
                    sum += add(value);
                }
            }
        }
        long end = System.nanoTime();
        sink = sum;
        return new long[] {start, end, misses};
    }

    private static long processorTime() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime();
    }
}
