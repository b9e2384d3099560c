package org.mlonflink.flink;

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.streaming.api.operators.StreamingRuntimeContext;
import org.mlonflink.node.NodeSettings;
import org.mlonflink.queue.Producer;

/**
 * The in-queue of a node and what is said about it, where the two subtasks that write it meet: the {@link FeedOperator}
 * that the rows come to, and the {@link NodeOperator} that owns the queue. They are co-located, so they share a JVM.
 *
 * <p>A queue has one producer at a time. The node writes what a checkpoint holds for its process, and then opens the feed;
 * the feeder, if it comes first to {@link #of}, waits for that. It writes until it has said {@link #handOver}; from then on
 * the node does, which closes the feed at its end.
 *
 * <p>Threads: {@link #queue} belongs to the task thread of the one whose turn it is. The rest is volatile, and each
 * callback runs on the thread of the one who calls; it posts a mail.
 */
final class Feed implements AutoCloseable {
    /** The feeds of this JVM; a key is unique to one deployment of one subtask. */
    private static final Map<String, CompletableFuture<Feed>> FEEDS = new ConcurrentHashMap<>();

    private static final Runnable NOBODY = () -> {};

    final Producer queue;
    private final String key;
    private final Runnable onHandOver;
    private volatile Runnable onChange = NOBODY;
    private volatile long lastCheckpoint = Long.MIN_VALUE;
    private volatile long rows;
    private volatile long bytes;
    private volatile long encodeNanos;
    private volatile boolean handedOver;
    private volatile boolean ended;

    /** The node's part: {@code onHandOver} is called when the feeder's turn is over. */
    Feed(String key, Producer queue, Runnable onHandOver) {
        this.key = key;
        this.queue = queue;
        this.onHandOver = onHandOver;
    }

    /** Names the feed of a subtask; both operators have the same index, and are deployed together. */
    static String key(StreamingRuntimeContext context, NodeSettings settings) {
        return settings.job() + "/" + settings.role() + "[" + context.getTaskInfo().getIndexOfThisSubtask() + "] of "
                + Executions.of(context.getMetricGroup());
    }

    /** The feeder's part: the feed, as soon as the node has opened it. */
    static CompletableFuture<Feed> of(String key) {
        return FEEDS.computeIfAbsent(key, unused -> new CompletableFuture<>());
    }

    /** Forgets the feed; both parts do so at their end, whether they met or not. */
    static void forget(String key) {
        FEEDS.remove(key);
    }

    // ---------------------------------------------------------------------------------------------- the feeder

    /** {@code onChange} is called when the process has rung and when it has ended. */
    void attach(Runnable onChange) {
        this.onChange = onChange;
    }

    /** A frame of rows is in the queue; encoding has taken so long since the start. Called by one thread alone. */
    void sent(int rows, int bytes, long encodeNanos) {
        this.rows += rows;
        this.bytes += bytes;
        this.encodeNanos = encodeNanos;
    }

    /** The frame CHECKPOINT(id) is in the queue. */
    void checkpointed(long id) {
        lastCheckpoint = id;
    }

    /** The last row is in the queue: the feeder will not touch it any more. */
    void handOver() {
        handedOver = true;
        onHandOver.run();
    }

    /** Whether the process has ended, so that nobody will read. */
    boolean ended() {
        return ended;
    }

    // ---------------------------------------------------------------------------------------------- the node

    /** Makes the feed known: from now on it is the feeder's turn. */
    void open() {
        of(key).complete(this);
    }

    boolean handedOver() {
        return handedOver;
    }

    /** Rows that the feeder has put into the queue. */
    long rows() {
        return rows;
    }

    /** Bytes of these. */
    long bytes() {
        return bytes;
    }

    /** How long the feeder has encoded them. */
    long encodeNanos() {
        return encodeNanos;
    }

    /** The last checkpoint that the feeder has announced to the process. */
    long lastCheckpoint() {
        return lastCheckpoint;
    }

    void ring() {
        onChange.run();
    }

    void end() {
        ended = true;
        onChange.run();
    }

    @Override
    public void close() {
        forget(key);
    }
}
