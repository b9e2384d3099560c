package org.mlonflink.flink;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.apache.flink.api.common.JobInfo;
import org.apache.flink.api.common.TaskInfo;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.apache.flink.runtime.metrics.groups.TaskIOMetricGroup;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.runtime.taskmanager.TaskManagerRuntimeInfo;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.operators.AbstractStreamOperatorV2;
import org.apache.flink.streaming.api.operators.BoundedMultiInput;
import org.apache.flink.streaming.api.operators.Input;
import org.apache.flink.streaming.api.operators.MultipleInputStreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.table.data.RowData;
import org.apache.flink.util.IOUtils;
import org.apache.flink.util.function.ThrowingRunnable;
import org.mlonflink.columns.FrameDecoder;
import org.mlonflink.node.Bell;
import org.mlonflink.node.FramesIn;
import org.mlonflink.node.IdleAgents;
import org.mlonflink.node.Json;
import org.mlonflink.node.NodeDirectory;
import org.mlonflink.node.NodeFailure;
import org.mlonflink.node.NodeProcess;
import org.mlonflink.node.NodeSettings;
import org.mlonflink.queue.Consumer;
import org.mlonflink.queue.FrameKind;
import org.mlonflink.queue.Producer;

/**
 * One node of the ML cluster as a Flink operator: owns the two byte queues of the user's process, which lives as long
 * as the task, and emits what comes back. Rows are put into the in-queue by the {@link FeedOperator} on the same
 * subtask.
 *
 * <p>Inputs, none of which carries a row: the feeder (absent in a source role), whose barriers and end follow its rows;
 * control, which ends when the AM says that the job is done; then the streams of roles without output, see
 * {@link Graph#tie}.
 *
 * <p>Threads: everything here runs on the task thread. Other threads only post mails: a ring of the doorbell posts
 * {@link #drain} (one mail however many rings), the end of the node posts a mail that notes it or throws, the end of
 * the feeder one that only wakes. The task thread waits by {@link #awaitMail} alone, which runs mails meanwhile: a
 * failure or a cancellation ends every wait. Only the pieces of state that {@link NodeStates} gives to a checkpoint are
 * read elsewhere.
 */
final class NodeOperator extends AbstractStreamOperatorV2<RowData>
        implements MultipleInputStreamOperator<RowData>, BoundedMultiInput, NodeProcess.Listener {
    private static final long serialVersionUID = 1L;
    private static final int FEED_INPUT = 1;

    private final transient NodeSettings settings;
    private final transient MailboxExecutor mailbox;
    private final transient StreamOperatorParameters<RowData> parameters;
    private final transient int numberOfInputs;
    private final transient Mail draining;
    private final transient NodeStates states;
    private final transient MailWait waiting;

    private transient NodeMetrics numbers;
    private transient PythonEnvironment python;
    private transient Gpus gpus;
    private transient NodeDirectory directory;
    private transient Bell bell;
    private transient Feed feed;
    private transient FramesIn in;
    private transient RowsOut out;
    private transient NodeProcess process;
    private transient boolean nodeEnded;
    /** Whether output may wait a millisecond: a role that asks for the lowest latency has no time for that. */
    private transient boolean patient;

    private transient boolean lookingAgain;

    NodeOperator(StreamOperatorParameters<RowData> parameters, NodeSettings settings) {
        super(parameters, parameters.getStreamConfig().getNumberOfNetworkInputs());
        this.parameters = parameters;
        this.settings = settings;
        this.mailbox = parameters.getMailboxExecutor();
        this.numberOfInputs = parameters.getStreamConfig().getNumberOfNetworkInputs();
        this.states = new NodeStates(hasData());
        this.waiting = new MailWait(mailbox, taskMetrics().getIdleTimeMsPerSecond());
        this.draining = new Mail(mailbox, this::drain, "drain the node's output");
    }

    private boolean hasData() {
        return settings.inputLayout() != null;
    }

    private boolean hasState() {
        return hasData() || settings.answersCheckpoints();
    }

    // ---------------------------------------------------------------------------------------------- life

    @Override
    public void open() throws Exception {
        super.open();
        TaskInfo task = getRuntimeContext().getTaskInfo();
        checkParallelism(task);
        if (hasState()) {
            NodeStates.checkStorage(settings.role(), parameters.getContainingTask().getEnvironment());
        }
        String name = settings.role() + "[" + task.getIndexOfThisSubtask() + "]";
        gpus = Gpus.take(
                name,
                task.getIndexOfThisSubtask(),
                settings.gpus(),
                settings.gpus() == 0 ? Set.of() : getRuntimeContext().getExternalResourceInfos(Gpus.RESOURCE));
        openQueues(name, task);
        python = PythonEnvironment.open(
                settings.pythonOptions(), settings.python(), settings.pythonPath(), getRuntimeContext());
        Duration grace = Duration.ofMillis(settings.graceMillis());
        IdleAgents idle = settings.standby() && python.lasts() ? IdleAgents.of(getRuntimeContext()) : null;
        process = new NodeProcess(name, python.interpreter, assignment(task), grace, idle, this);
        new MasterSearch(
                        name,
                        process,
                        parameters.getContainingTask().getEnvironment().getOperatorCoordinatorEventGateway(),
                        getOperatorID(),
                        task.getAttemptNumber())
                .ask();
        new Mail(mailbox, this::restore, "restore the node's state").post();
    }

    /** Runs before anything of an input is looked at: nothing else waits for the feed to open, but the feeder. */
    private void restore() throws Exception {
        states.sendRestored(in);
        feed.open();
    }

    /** At the job's start nothing says that more slots are to come; later those of a lost TaskManager may be. */
    private void checkParallelism(TaskInfo task) throws Exception {
        int actual = task.getNumberOfParallelSubtasks();
        if (actual == settings.parallelism()) {
            return;
        }
        NodeFailure failure = new NodeFailure("role " + settings.role() + " was planned with parallelism "
                + settings.parallelism() + " and runs with " + actual + ": an ML cluster needs all its nodes. Give the "
                + "cluster more slots (taskmanager.numberOfTaskSlots, more TaskManagers), or plan fewer nodes.");
        throw task.getAttemptNumber() == 0 ? new SuppressRestartsException(failure) : failure;
    }

    private void openQueues(String name, TaskInfo task) throws Exception {
        TaskManagerRuntimeInfo manager = getRuntimeContext().getTaskManagerRuntimeInfo();
        JobInfo job = getRuntimeContext().getJobInfo();
        directory = NodeDirectory.create(
                "mlflink-node-" + job.getJobId() + "-",
                settings.inputQueueBytes(),
                settings.outputQueueBytes(),
                manager.getTmpDirectories()[0]);
        bell = new Bell(directory.bell, name, this::onRing, this::failed);
        Producer producer = new Producer(directory.in, bell);
        in = new FramesIn(producer, this::awaitMail);
        feed = new Feed(Feed.key(getRuntimeContext(), settings), producer, draining::post);
        FrameDecoder decoder = settings.outputLayout() == null ? null : new FrameDecoder(settings.outputLayout());
        numbers = new NodeMetrics(metrics, taskMetrics(), feed, () -> out.emitNanos());
        out = new RowsOut(new Consumer(directory.out, bell), decoder, output, states, numbers, settings);
        bell.start();
        patient = settings.maxDelayMillis() > 0 && !settings.answersCheckpoints(); // its frames are few, and waited for
        draining.post(); // arms the out-queue
    }

    private TaskIOMetricGroup taskMetrics() {
        return parameters.getContainingTask().getEnvironment().getMetricGroup().getIOMetricGroup();
    }

    private void onRing() {
        draining.post();
        feed.ring();
    }

    /** Runs mails until one has run; false when the node has ended and nobody will read any more. */
    private boolean awaitMail() throws InterruptedException {
        if (!nodeEnded) {
            waiting.awaitMail();
        }
        return !nodeEnded;
    }

    private ObjectNode assignment(TaskInfo task) {
        String jobId = getRuntimeContext().getJobInfo().getJobId().toString();
        ObjectNode assignment =
                settings.assigned(jobId, task.getIndexOfThisSubtask(), task.getAttemptNumber(), directory);
        gpus.indices().forEach(assignment.putArray("gpus")::add);
        Host host = Host.of(getRuntimeContext().getTaskManagerRuntimeInfo());
        return host.addTo(assignment).put("restored", states.restored());
    }

    @Override
    public void finish() throws Exception {
        patient = false; // there are no timers any more
        out.pass(Long.MAX_VALUE); // what is held waits for a barrier that was given up
        drain();
        if (!hasState()) {
            process.askToStop(); // the AM has, unless Flink drains the job, which a source role does not hear of
        }
        while (awaitMail()) {
            continue;
        }
        drainAll();
        // A source role has no watermark of its own, and one that returned early never saw the last one.
        numbers.watermark(Long.MAX_VALUE);
        output.emitWatermark(Watermark.MAX_WATERMARK);
        super.finish();
    }

    @Override
    public void close() throws Exception {
        try {
            IOUtils.closeAll(feed, out, states, process, gpus, bell, directory, python);
        } finally {
            super.close();
        }
    }

    // ---------------------------------------------------------------------------------------------- input

    @Override
    @SuppressWarnings("rawtypes")
    public List<Input> getInputs() {
        return new ArrayList<>(Collections.nCopies(numberOfInputs, new EmptyInput(output)));
    }

    @Override
    public void endInput(int input) throws Exception {
        if (hasData() && input == FEED_INPUT) {
            feed.handOver(); // where the feeder had finished before this job was restored, nobody has said so
            in.sendEnd();
        }
    }

    // ---------------------------------------------------------------------------------------------- output

    private void drain() throws Exception {
        waiting.over();
        numbers.countInput();
        long before = out.frames();
        if (!out.drain()) {
            draining.post();
        } else if (out.isHeld()) {
            LOG.debug("the node's output waits for a barrier");
        } else if (out.frames() > before + 1 && patient) {
            lookAgainSoon();
        } else if (out.arm()) {
            draining.post();
        }
    }

    /** While several frames come at once, looking once a millisecond costs less than a ring, and a wake-up, for each. */
    private void lookAgainSoon() {
        if (!lookingAgain) {
            lookingAgain = true;
            getProcessingTimeService().registerTimer(getProcessingTimeService().getCurrentProcessingTime() + 1, time -> {
                lookingAgain = false;
                drain();
            });
        }
    }

    private void drainAll() {
        while (!out.drain()) {
            continue;
        }
    }

    // ---------------------------------------------------------------------------------------------- checkpoints

    /** Lets the barrier pass only when everything that came before it has been through the process and back. */
    @Override
    public void prepareSnapshotPreBarrier(long checkpoint) throws Exception {
        if (!hasData()) {
            return; // nothing of the input is in flight
        }
        boolean wasPatient = patient;
        patient = false; // where Flink stops the job there are no timers any more
        out.pass(checkpoint - 1); // an older barrier has been overtaken
        draining.post();
        awaitCut(checkpoint);
        patient = wasPatient;
        if (nodeEnded || out.ended()) {
            drainAll(); // nobody writes any more
        }
        out.pass(checkpoint);
        draining.post();
    }

    private void awaitCut(long checkpoint) throws Exception {
        boolean announced = false;
        while (!out.reached(checkpoint) && !out.ended() && !nodeEnded) {
            if (!announced && feed.handedOver()) {
                announced = true;
                announce(checkpoint);
            } else {
                awaitMail();
            }
        }
    }

    /** The feeder's part, after its end. */
    private void announce(long checkpoint) throws Exception {
        if (feed.lastCheckpoint() < checkpoint) {
            in.send(FrameKind.CHECKPOINT, checkpoint);
        }
    }

    @Override
    public void initializeState(StateInitializationContext context) throws Exception {
        super.initializeState(context);
        if (hasState()) {
            states.initialize(context.getOperatorStateStore());
        }
    }

    /**
     * The state is as at the cut, and so is everything else: no input carries a row that a barrier could overtake. (Where
     * checkpoints are unaligned, Flink aligns those edges all the same, for they are pointwise or broadcast.) Without data
     * input the process may cut later than here, or has: it knows by others when.
     */
    @Override
    public void snapshotState(StateSnapshotContext context) throws Exception {
        super.snapshotState(context);
        if (hasState()) {
            states.snapshot(context.getCheckpointId(), nodeEnded || out.ended());
        }
    }

    /** There will be no such barrier, or it does not matter any more. */
    @Override
    public void notifyCheckpointAborted(long checkpoint) throws Exception {
        super.notifyCheckpointAborted(checkpoint);
        if (hasData()) {
            process.tellAborted(checkpoint);
        }
        out.abort(checkpoint);
        draining.post();
    }

    // ---------------------------------------------------------------------------------------------- the node's end

    @Override
    public void heard() {
        numbers.heard();
    }

    @Override
    public void measured(JsonNode event) {
        numbers.take(event);
        draining.post(); // counts
    }

    @Override
    public void ended() {
        post(() -> {
            nodeEnded = true;
            states.nodeEnded();
            feed.end();
        });
    }

    @Override
    public void failed(NodeFailure failure) {
        post(() -> {
            throw failure;
        });
    }

    private void post(ThrowingRunnable<Exception> end) {
        new Mail(mailbox, end, "end of the node").post();
    }
}
