package org.mlonflink.benchmarks;

import java.util.Arrays;
import org.apache.flink.table.data.RowData;

/** How old the rows are whose time comes back in their first column; the first `skipped` only warm up. */
final class Latency implements Receipt.Look {
    private static final long serialVersionUID = 1L;
    private final int skipped;
    private final long[] ages;
    private int seen;

    Latency(int skipped, int counted) {
        this.skipped = skipped;
        this.ages = new long[counted];
    }

    @Override
    public void row(RowData row) {
        long age = System.nanoTime() - row.getLong(0);
        if (seen == 0) {
            Pace.CAME_BACK.countDown();
        }
        if (seen >= skipped) {
            ages[seen - skipped] = age;
        }
        seen++;
    }

    @Override
    public String json() {
        Arrays.sort(ages);
        return "\"p50_ns\": " + percentile(0.50) + ", \"p99_ns\": " + percentile(0.99)
                + ", \"worst_ns\": " + ages[ages.length - 1];
    }

    private long percentile(double fraction) {
        return ages[(int) (fraction * (ages.length - 1))];
    }
}
