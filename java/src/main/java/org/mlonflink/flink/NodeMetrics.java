package org.mlonflink.flink;

import java.util.function.LongSupplier;
import org.apache.flink.metrics.Counter;
import org.apache.flink.runtime.metrics.groups.InternalOperatorMetricGroup;
import org.apache.flink.runtime.metrics.groups.TaskIOMetricGroup;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.mlonflink.node.NodeGauges;

/**
 * What a node operator tells Flink's metrics: its {@link NodeGauges}, what it does itself, and the rows, which come to it
 * by the queue: Flink counts none, and shows what is counted here.
 *
 * <p>Threads: the agent's events come on its reader thread, {@link #watermark} and {@link #countInput} on the task thread,
 * and reporters read on theirs.
 */
final class NodeMetrics {
    private final NodeGauges gauges;
    private final Counter recordsIn;
    private final Counter bytesIn;
    private final Feed feed;
    private final LongSupplier emitNanos;

    private long countedRows;
    private long countedBytes;

    private long encoded;
    private long emitted;
    private long lastNanos = System.nanoTime();
    private volatile long watermark = Long.MIN_VALUE;

    /** {@code emitNanos} tells how long the task thread has emitted rows. */
    NodeMetrics(InternalOperatorMetricGroup operator, TaskIOMetricGroup task, Feed feed, LongSupplier emitNanos) {
        this.gauges = new NodeGauges(operator);
        operator.getIOMetricGroup().reuseInputMetricsForTask();
        this.recordsIn = operator.getIOMetricGroup().getNumRecordsInCounter();
        this.bytesIn = task.getNumBytesInCounter();
        this.feed = feed;
        this.emitNanos = emitNanos;
    }

    /** Counts what the feeder has put into the queue since the last call. */
    void countInput() {
        long rows = feed.rows();
        long bytes = feed.bytes();
        recordsIn.inc(rows - countedRows);
        bytesIn.inc(bytes - countedBytes);
        countedRows = rows;
        countedBytes = bytes;
    }

    /** The agent has said something. */
    void heard() {
        gauges.heard();
    }

    /** The agent has measured. */
    void take(JsonNode event) {
        gauges.take(event);
        takeOwn();
    }

    private void takeOwn() {
        long now = System.nanoTime();
        long encodedNow = feed.encodeNanos();
        long emittedNow = emitNanos.getAsLong();
        double perSecond = 1e3 / (now - lastNanos);
        gauges.measured("jvm_encode_ms_per_second", (encodedNow - encoded) * perSecond);
        gauges.measured("jvm_emit_ms_per_second", (emittedNow - emitted) * perSecond);
        lastNanos = now;
        encoded = encodedNow;
        emitted = emittedNow;
    }

    /** This watermark was emitted. */
    void watermark(long timestamp) {
        boolean first = watermark == Long.MIN_VALUE && timestamp != Long.MAX_VALUE;
        watermark = timestamp;
        if (first) {
            gauges.gauge("watermark_lag_ms", this::watermarkLag);
        }
    }

    /** At the end of the stream there is nothing to lag behind. */
    private long watermarkLag() {
        return watermark == Long.MAX_VALUE ? 0 : System.currentTimeMillis() - watermark;
    }
}
