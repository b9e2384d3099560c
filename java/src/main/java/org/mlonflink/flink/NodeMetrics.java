package org.mlonflink.flink;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.metrics.groups.InternalOperatorMetricGroup;
import org.apache.flink.runtime.metrics.groups.TaskIOMetricGroup;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A node's numbers as gauges of its operator: what the agent has measured in the group {@code mlflink}, what user code
 * has logged in {@code mlflink.user}. A gauge is registered when its name is first heard of, and stays while the task
 * runs, whatever becomes of the process.
 *
 * <p>Rows come to the operator by the queue. Flink counts none, and shows what is counted here.
 *
 * <p>Threads: the agent's events come on its reader thread, {@link #watermark} and {@link #countInput} on the task thread,
 * and reporters read on theirs.
 */
final class NodeMetrics {
    private static final Logger LOG = LoggerFactory.getLogger("mlonflink.node");

    /** Names of user code beyond these are left out: each is a series in whatever stores metrics. */
    private static final int MAX_USER_NAMES = 200;

    private static final int MAX_NAME_LENGTH = 80;

    private final MetricGroup node;
    private final MetricGroup user;
    private final Map<String, Number> measured = new ConcurrentHashMap<>();
    private final Map<String, Number> logged = new ConcurrentHashMap<>();
    private final Counter recordsIn;
    private final Counter bytesIn;
    private final Feed feed;
    private final LongSupplier emitNanos;

    private long countedRows;
    private long countedBytes;

    private long encoded;
    private long emitted;
    private long lastNanos = System.nanoTime();
    private boolean full;
    private volatile long heardNanos;
    private volatile long watermark = Long.MIN_VALUE;

    /** {@code emitNanos} tells how long the task thread has emitted rows. */
    NodeMetrics(InternalOperatorMetricGroup operator, TaskIOMetricGroup task, Feed feed, LongSupplier emitNanos) {
        this.node = operator.addGroup("mlflink");
        this.user = node.addGroup("user");
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
        boolean first = heardNanos == 0;
        heardNanos = System.nanoTime();
        if (first) {
            node.gauge("heartbeat_age_ms", (Gauge<Long>) () -> (System.nanoTime() - heardNanos) / 1_000_000);
        }
    }

    /** The agent has measured. */
    void take(JsonNode event) {
        event.path("values").properties().forEach(entry -> measured(entry.getKey(), entry.getValue().numberValue()));
        event.path("numbers").properties().forEach(entry -> logged(clean(entry.getKey()), entry.getValue().numberValue()));
        takeOwn();
    }

    private void takeOwn() {
        long now = System.nanoTime();
        long encodedNow = feed.encodeNanos();
        long emittedNow = emitNanos.getAsLong();
        double perSecond = 1e3 / (now - lastNanos);
        measured("jvm_encode_ms_per_second", (encodedNow - encoded) * perSecond);
        measured("jvm_emit_ms_per_second", (emittedNow - emitted) * perSecond);
        lastNanos = now;
        encoded = encodedNow;
        emitted = emittedNow;
    }

    /** This watermark was emitted. */
    void watermark(long timestamp) {
        boolean first = watermark == Long.MIN_VALUE && timestamp != Long.MAX_VALUE;
        watermark = timestamp;
        if (first) {
            node.gauge("watermark_lag_ms", (Gauge<Long>) this::watermarkLag);
        }
    }

    /** At the end of the stream there is nothing to lag behind. */
    private long watermarkLag() {
        return watermark == Long.MAX_VALUE ? 0 : System.currentTimeMillis() - watermark;
    }

    private void measured(String name, Number value) {
        if (measured.put(name, value) == null) {
            node.gauge(name, (Gauge<Number>) () -> measured.get(name));
        }
    }

    private void logged(String name, Number value) {
        if (logged.size() >= MAX_USER_NAMES && !logged.containsKey(name)) {
            if (!full) {
                full = true;
                LOG.warn("user code logs more than {} names: {} and others are no gauges", MAX_USER_NAMES, name);
            }
        } else if (logged.put(name, value) == null) {
            user.gauge(name, (Gauge<Number>) () -> logged.get(name));
        }
    }

    /** A name that every reporter takes: letters, digits and underscores. */
    private static String clean(String name) {
        String cleaned = name.replaceAll("[^A-Za-z0-9_]", "_");
        return cleaned.length() <= MAX_NAME_LENGTH ? cleaned : cleaned.substring(0, MAX_NAME_LENGTH);
    }
}
