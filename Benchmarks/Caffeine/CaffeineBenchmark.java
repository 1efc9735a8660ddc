import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.concurrent.CyclicBarrier;

/**
 * The peer of CacheBenchmark: the same key sequences on a Caffeine cache, one run for each line on standard input.
 *
 * Arguments: the file of key sequences (32-bit integers, least significant byte first), their number, the number of
 * entries. A line "get THREADS OPERATIONS" or "mixed THREADS OPERATIONS" (each fourth one a put) is answered by
 * "WALL-NANOSECONDS CPU-NANOSECONDS MISSES"; times are from the first thread's start to the last one's end, and the
 * processor time of the whole process meanwhile, so that the cache's own housekeeping is in it. Keys are boxed once
 * and values made once: the loop itself allocates nothing.
 */
public final class CaffeineBenchmark {
    private static volatile long sink;

    public static void main(String[] arguments) throws Exception {
        int[][] sequences = read(arguments[0], Integer.parseInt(arguments[1]));
        int entries = Integer.parseInt(arguments[2]);
        Cache<Long, byte[]> cache = Caffeine.newBuilder().maximumSize(entries).initialCapacity(entries).build();
        Long[] keys = new Long[entries];
        for (int id = 0; id < entries; id++) {
            keys[id] = (long) id;
            cache.put(keys[id], new byte[64]);
        }
        cache.cleanUp();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.split(" ");
            System.out.println(
                run(cache, keys, sequences, words[0].equals("mixed"), Integer.parseInt(words[1]),
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
            Cache<Long, byte[]> cache, Long[] keys, int[][] sequences, boolean isMixed, int threads, int operations)
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
                results[thread] = loop(cache, keys, sequences[thread], isMixed, operations);
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
        byte[][] values = {new byte[64], new byte[64]};
        int mask = sequence.length - 1;
        long misses = 0;
        long sum = 0;
        long start = System.nanoTime();
        for (int i = 0; i < operations; i++) {
            Long key = keys[sequence[i & mask]];
            if (isMixed && (i & 3) == 3) {
                cache.put(key, values[i >> 2 & 1]);
                continue;
            }
            byte[] value = cache.getIfPresent(key);
            if (value == null) {
                misses++;
            } else {
                sum += value[0];
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
