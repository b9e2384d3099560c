package org.mlonflink.benchmarks;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiter;

/**
 * Lets a source go on once each interval, whatever becomes of the rows before (open loop). The first row goes alone,
 * and the clock starts when it has come back. The wait is a thread's of its own: the task's is free for what others
 * do there meanwhile, such as the end of a bundle of PyFlink's.
 *
 * <p>The generator, the sink and this run in one JVM and have this job's classes, so static fields are the job's.
 */
final class Pace<S extends SourceSplit> implements RateLimiter<S> {
    /** Opened by the sink. */
    static final CountDownLatch CAME_BACK = new CountDownLatch(1);

    private static volatile boolean begun;
    private static volatile long time;

    private final ThreadPoolExecutor timer =
            new ThreadPoolExecutor(0, 1, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>());
    private final long intervalNanos;
    private long due;

    Pace(long intervalNanos) {
        this.intervalNanos = intervalNanos;
    }

    /** The time from which the row counts that goes now: when it was due, or, if only the timer was late, when it woke. */
    static long time() {
        if (!begun) {
            time = System.nanoTime();
            begun = true;
        }
        return time;
    }

    @Override
    public CompletionStage<Void> acquire(int rows) {
        if (!begun) {
            return CompletableFuture.completedFuture(null);
        }
        if (due != 0 && System.nanoTime() > due + intervalNanos) {
            due += intervalNanos;
            time = due; // held up by the row before
            return CompletableFuture.completedFuture(null);
        }
        return CompletableFuture.runAsync(this::waitUntilDue, timer);
    }

    private void waitUntilDue() {
        try {
            CAME_BACK.await();
        } catch (InterruptedException stopped) {
            throw new IllegalStateException(stopped);
        }
        long now = System.nanoTime();
        due = (due == 0 ? now : due) + intervalNanos;
        while (now < due) {
            LockSupport.parkNanos(due - now);
            now = System.nanoTime();
        }
        time = now;
    }
}
