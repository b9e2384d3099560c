package org.mlonflink.flink;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.runtime.metrics.groups.TaskIOMetricGroup;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.streaming.runtime.tasks.ProcessingTimeService;
import org.apache.flink.table.data.RowData;
import org.apache.flink.util.function.ThrowingRunnable;
import org.mlonflink.columns.FrameEncoder;
import org.mlonflink.node.NodeFailure;
import org.mlonflink.node.NodeSettings;
import org.mlonflink.node.RowsIn;
import org.mlonflink.queue.FrameKind;

/**
 * Writes a role's rows into the in-queue of the node on the same subtask. Having one input, it is chained to what the
 * rows come from, so that they never pass Flink's network stack; only barriers and the end go on to the node operator,
 * see {@link Feed}.
 *
 * <p>Event time stays behind the rows: watermarks take the way through the process, too.
 *
 * <p>While the queue is full this task counts as back-pressured, as one whose network buffers are.
 *
 * <p>Threads: everything runs on the task thread, which waits by {@link #awaitMail} alone. The node's threads post a
 * mail when the process has rung and when it has ended.
 */
final class FeedOperator extends AbstractStreamOperator<Byte>
        implements OneInputStreamOperator<RowData, Byte>, BoundedOneInput {
    private static final long serialVersionUID = 1L;

    /** Far beyond what a TaskManager needs to open the node, and the operators behind it, on a bad day. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private final transient NodeSettings settings;
    private final transient TaskIOMetricGroup taskMetrics;
    private final transient MailWait waiting;
    private final transient Mail rung;

    private transient String key;
    private transient CompletableFuture<Feed> opening;
    private transient Feed feed;
    private transient RowsIn rows;

    FeedOperator(StreamOperatorParameters<Byte> parameters, NodeSettings settings) {
        super(parameters);
        this.settings = settings;
        MailboxExecutor mailbox = parameters.getMailboxExecutor();
        this.taskMetrics = parameters.getContainingTask().getEnvironment().getMetricGroup().getIOMetricGroup();
        this.waiting = new MailWait(mailbox, taskMetrics.getSoftBackPressuredTimePerSecond());
        this.rung = new Mail(mailbox, this::onRing, "the node's process has rung");
    }

    @Override
    public void open() throws Exception {
        super.open();
        metrics.getIOMetricGroup().reuseOutputMetricsForTask();
        key = Feed.key(getRuntimeContext(), settings);
        opening = Feed.of(key);
        opening.thenRun(rung::post);
        after(PATIENCE.toMillis(), this::checkTogether);
    }

    private void checkTogether() throws NodeFailure {
        if (!opening.isDone()) {
            throw new NodeFailure("the rows of " + key + " came to a TaskManager that its node is not on: they must be "
                    + "co-located, and Flink's scheduler did not do so");
        }
    }

    /** Waits for the node to open, on the first thing there is to send. */
    private RowsIn rows() throws Exception {
        if (rows == null) {
            while (!opening.isDone()) {
                waiting.awaitMail();
            }
            feed = opening.join();
            rows = new RowsIn(
                    feed.queue,
                    new FrameEncoder(settings.inputLayout()),
                    this::awaitMail,
                    this::after,
                    settings.maxDelayMillis(),
                    this::sent);
            feed.attach(rung::post);
        }
        return rows;
    }

    /** Runs mails until one has run; false when the process has ended and nobody will read any more. */
    private boolean awaitMail() throws InterruptedException {
        if (!feed.ended()) {
            waiting.awaitMail();
        }
        return !feed.ended();
    }

    private void after(long millis, ThrowingRunnable<Exception> callback) {
        ProcessingTimeService clock = getProcessingTimeService();
        clock.registerTimer(clock.getCurrentProcessingTime() + millis, time -> callback.run());
    }

    /** Rows leave this task by the queue: Flink counts none, and shows what is counted here. */
    private void sent(int count, int bytes, long encodeNanos) {
        feed.sent(count, bytes, encodeNanos);
        metrics.getIOMetricGroup().getNumRecordsOutCounter().inc(count);
        taskMetrics.getNumBytesOutCounter().inc(bytes);
    }

    private void onRing() throws Exception {
        if (rows != null && !feed.handedOver()) {
            rows.onRing();
        }
    }

    // ---------------------------------------------------------------------------------------------- input

    @Override
    public void processElement(StreamRecord<RowData> element) throws Exception {
        rows().add(element.getValue(), element.hasTimestamp() ? element.getTimestamp() : Long.MIN_VALUE);
    }

    @Override
    public void processWatermark(Watermark mark) throws Exception {
        rows().watermark(mark.getTimestamp());
    }

    @Override
    public void processWatermarkStatus(WatermarkStatus status) throws Exception {
        rows().send(FrameKind.STATUS, status.isIdle() ? 1 : 0);
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpoint) throws Exception {
        RowsIn queue = rows();
        if (!feed.handedOver()) {
            queue.send(FrameKind.CHECKPOINT, checkpoint);
            feed.checkpointed(checkpoint);
        }
    }

    @Override
    public void endInput() throws Exception {
        rows().flush();
        feed.handOver();
    }

    @Override
    public void close() throws Exception {
        if (key != null) {
            Feed.forget(key);
        }
        super.close();
    }
}
