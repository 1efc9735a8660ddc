import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.jmeter.reporters.ResultCollector;
import org.apache.jmeter.samplers.SampleResult;
import org.apache.jmeter.save.CSVSaveService;
import org.apache.jmeter.util.JMeterUtils;
import org.apache.jmeter.visualizers.Visualizer;

/**
 * Reads a JTL file with JMeter's own classes. Prints a line a label: rows, failures, bytes, sum of elapsed, sum of
 * latency, least and greatest time stamp. Arguments: the file, JMeter's directory.
 */
final class ReadersJTL implements Visualizer {
    private final Map<String, long[]> sums = new TreeMap<>();

    public void add(SampleResult sample) {
        long[] sum = sums.computeIfAbsent(
            sample.getSampleLabel(), label -> new long[] {0, 0, 0, 0, 0, Long.MAX_VALUE, 0});
        sum[0] += 1;
        sum[1] += sample.isSuccessful() ? 0 : 1;
        sum[2] += sample.getBytes();
        sum[3] += sample.getTime();
        sum[4] += sample.getLatency();
        sum[5] = Math.min(sum[5], sample.getTimeStamp());
        sum[6] = Math.max(sum[6], sample.getTimeStamp());
    }

    public boolean isStats() {
        return false;
    }

    public static void main(String[] arguments) throws Exception {
        JMeterUtils.setJMeterHome(arguments[1]);
        JMeterUtils.loadJMeterProperties(arguments[1] + "/bin/jmeter.properties");
        JMeterUtils.setLocale(Locale.ENGLISH);
        ReadersJTL reader = new ReadersJTL();
        CSVSaveService.processSamples(arguments[0], reader, new ResultCollector());
        for (Map.Entry<String, long[]> entry : reader.sums.entrySet()) {
            StringBuilder line = new StringBuilder("label " + entry.getKey());
            for (long value : entry.getValue()) line.append(' ').append(value);
            System.out.println(line);
        }
    }
}
