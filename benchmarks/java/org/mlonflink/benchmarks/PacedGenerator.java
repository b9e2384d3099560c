package org.mlonflink.benchmarks;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.binary.BinaryRowData;
import org.apache.flink.table.types.logical.RowType;

/**
 * One row each interval, whatever becomes of those before (open loop), the last column being the time at which it
 * was due. The first row goes alone, and the clock starts when it has come back.
 */
final class PacedGenerator extends RichMapFunction<Long, RowData> {
    /** Opened by the sink, which runs in this JVM and has this job's classes. */
    static final CountDownLatch CAME_BACK = new CountDownLatch(1);

    private static final long serialVersionUID = 1L;
    private final RowType type;
    private final long intervalNanos;
    private transient BinaryRowData row;
    private transient long due;

    PacedGenerator(RowType type, long intervalNanos) {
        this.type = type;
        this.intervalNanos = intervalNanos;
    }

    @Override
    public void open(OpenContext context) {
        row = Rows.row(type, 0);
    }

    @Override
    public RowData map(Long number) throws InterruptedException {
        if (number == 1) {
            CAME_BACK.await();
            due = System.nanoTime();
        }
        due += intervalNanos;
        row.setLong(type.getFieldCount() - 1, number == 0 ? System.nanoTime() : waitUntilDue());
        return row;
    }

    /** The time from which the row counts: when it was due, or, where only the timer was late, when it woke. */
    private long waitUntilDue() {
        long now = System.nanoTime();
        if (now > due) {
            return due; // held up by the row before
        }
        while (now < due) {
            LockSupport.parkNanos(due - now);
            now = System.nanoTime();
        }
        return now;
    }
}
