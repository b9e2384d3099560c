package org.mlonflink.sql;

import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.functions.FunctionContext;
import org.apache.flink.util.IOUtils;
import org.apache.flink.util.function.ThrowingRunnable;
import org.mlonflink.columns.FrameEncoder;
import org.mlonflink.columns.FrameException;
import org.mlonflink.node.Bell;
import org.mlonflink.node.FramesIn;
import org.mlonflink.node.Interpreter;
import org.mlonflink.node.Json;
import org.mlonflink.node.NodeDirectory;
import org.mlonflink.node.NodeFailure;
import org.mlonflink.node.NodeGauges;
import org.mlonflink.node.NodeProcess;
import org.mlonflink.node.NodeSettings;
import org.mlonflink.node.RowsIn;
import org.mlonflink.node.Uninterrupted;
import org.mlonflink.queue.Consumer;
import org.mlonflink.queue.Producer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A process that scores rows: the way of the rows to it, and its life; the way back is in {@link Answers}.
 *
 * <p>Threads: {@link #score} is called by task threads, one for each subtask that shares the process. They encode under
 * {@code lock}; one that finds the queue full waits, for {@code changed}, and lets go of the lock: those that come
 * meanwhile wait for it. The doorbell's thread sees to the answers, without the lock, then has those rows sent that
 * gathered while the process was busy. The agent's reader thread tells of the end, which fails whatever is not answered.
 */
final class ModelProcess implements NodeProcess.Listener, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger("mlonflink.node");
    private static final String LOOPBACK = "127.0.0.1";

    private static final long NO_TIMESTAMP = Long.MIN_VALUE;
    private static final JsonNode ALONE = Json.object().put("alone", true);

    private final ModelSettings settings;
    private final String name;
    private final Duration grace;
    private final NodeGauges gauges;
    private final CountDownLatch over = new CountDownLatch(1);

    private final NodeDirectory directory;
    private final Bell bell;
    private final FrameEncoder encoder;
    private final FramesIn frames;
    private final RowsIn rows;
    private final Answers answers;
    private final ScheduledThreadPoolExecutor timers;
    private final NodeProcess process;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    // Guarded by the lock.
    private NodeFailure failure;
    private boolean closing;
    private Thread ringing;

    /** The `index`-th of so many processes of the model on this host, at work for the subtask of `context` first. */
    ModelProcess(ModelSettings settings, String job, int index, int parallelism, FunctionContext context)
            throws IOException {
        NodeSettings node = settings.node();
        this.settings = settings;
        this.name = settings.name() + "[" + index + "]";
        this.grace = Duration.ofMillis(node.graceMillis());
        this.gauges = new NodeGauges(context.getMetricGroup());
        this.directory = NodeDirectory.create(
                "mlflink-node-" + job + "-",
                node.inputQueueBytes(),
                node.outputQueueBytes(),
                System.getProperty("java.io.tmpdir"));
        this.bell = openBell();
        Producer producer = new Producer(directory.in, bell);
        this.encoder = new FrameEncoder(node.inputLayout());
        this.frames = new FramesIn(producer, this::awaitRing);
        this.rows = new RowsIn(
                producer,
                encoder,
                this::awaitRing,
                this::after,
                node.maxDelayMillis(),
                (count, bytes, nanos) -> {});
        this.answers = new Answers(settings, new Consumer(directory.out, bell), lock);
        this.timers = new ScheduledThreadPoolExecutor(1, this::timerThread);
        this.process = start(assignment(job, index, parallelism, context.getTaskInfo().getAttemptNumber()));
        bell.start();
        process.send(ALONE);
    }

    private Bell openBell() throws IOException {
        try {
            return new Bell(directory.bell, name, this::onRing, this::failed);
        } catch (IOException error) {
            directory.close();
            throw error;
        }
    }

    private NodeProcess start(ObjectNode assignment) throws IOException {
        Interpreter python = Interpreter.of(settings.node().python(), settings.node().pythonPath());
        try {
            return new NodeProcess(name, python, assignment, grace, null, this);
        } catch (IOException error) {
            IOUtils.closeAllQuietly(bell, directory);
            throw new IOException("model " + settings.name() + " cannot be started on this host: " + error.getMessage(), error);
        }
    }

    private ObjectNode assignment(String job, int index, int parallelism, int attempt) {
        return settings.node()
                .assigned(job, index, attempt, directory)
                .put("parallelism", parallelism)
                .put("host", LOOPBACK)
                .put("bind_host", LOOPBACK)
                .put("restored", 0);
    }

    private Thread timerThread(Runnable body) {
        Thread thread = new Thread(body, name + " timer");
        thread.setDaemon(true);
        return thread;
    }

    // ---------------------------------------------------------------------------------------------- rows

    /**
     * The answer to a row, which is copied: one row of the columns of OUTPUT.
     *
     * @throws InterruptedException while it waited for room; nobody waits for that row's answer.
     */
    CompletableFuture<Collection<RowData>> score(RowData row) throws InterruptedException {
        CompletableFuture<Collection<RowData>> answer = new CompletableFuture<>();
        lock.lock();
        try {
            awaitTurn();
            if (failure == null && fits(row, answer)) {
                answers.add(answer);
                rows.add(row, NO_TIMESTAMP);
            }
        } catch (InterruptedException cancelled) {
            after(0, rows::onRing); // others may have rows in the frame that has not gone
            throw cancelled;
        } catch (Exception error) {
            fail("model " + name + " cannot take a row: " + error);
        } finally {
            if (failure != null) {
                answer.completeExceptionally(failure);
            }
            changed.signalAll();
            lock.unlock();
        }
        return answer;
    }

    /** Whether the row does; one that does not is refused before anybody counts on its answer. */
    private boolean fits(RowData row, CompletableFuture<Collection<RowData>> answer) {
        try {
            encoder.check(row);
            return true;
        } catch (FrameException refused) {
            settings.refuse(answer, refused.getMessage());
            return false;
        }
    }

    /** Waits, with the lock, while another subtask waits for room; sees to the frame of one that was interrupted. */
    private void awaitTurn() throws Exception {
        while (rows.isFlushing() && failure == null) {
            changed.await();
        }
        if (failure == null) {
            rows.flushOverdue();
        }
    }

    /** Waits, with the lock, until something may have changed; false when nobody will read any more. */
    private boolean awaitRing() throws InterruptedException {
        if (Thread.currentThread() == ringing) {
            answers.read(); // nobody else does, and the process perhaps waits for that
            changed.await(1, TimeUnit.MILLISECONDS);
        } else {
            changed.await();
        }
        return failure == null;
    }

    private void after(long millis, ThrowingRunnable<Exception> callback) {
        timers.schedule(() -> withLock(callback), millis, TimeUnit.MILLISECONDS);
    }

    private void withLock(ThrowingRunnable<Exception> body) {
        lock.lock();
        try {
            body.run();
        } catch (InterruptedException closed) {
            Thread.currentThread().interrupt();
        } catch (Throwable error) { // of which the timer would tell nobody
            fail("model " + name + " cannot take a row: " + error);
        } finally {
            changed.signalAll();
            lock.unlock();
        }
    }

    private void onRing() {
        answers.drain();
        withLock(() -> {
            ringing = Thread.currentThread();
            rows.onRing();
        });
    }

    // ---------------------------------------------------------------------------------------------- life

    /** Whether it has ended, or failed, or is being closed. */
    boolean isOver() {
        lock.lock();
        try {
            return failure != null || process.isOver();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void heard() {
        gauges.heard();
    }

    @Override
    public void measured(JsonNode event) {
        gauges.take(event);
    }

    @Override
    public void ended() {
        fail("model " + name + " has ended before its rows");
    }

    @Override
    public void failed(NodeFailure cause) {
        fail("model " + settings.name() + ": " + cause.getMessage());
    }

    /** Fails every row that waits, and those to come; at the end there are none, and it just tells. */
    private void fail(String cause) {
        lock.lock();
        try {
            if (failure == null) {
                failure = new NodeFailure(cause);
                if (!closing) {
                    LOG.warn("{}", cause);
                }
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        over.countDown();
        answers.fail(failure);
    }

    /** Ends the process: in good order where it owes no answer, which leaves its log whole, else at once. */
    @Override
    public void close() throws IOException {
        if (endStream()) {
            Uninterrupted.within(grace, nanos -> over.await(nanos, TimeUnit.NANOSECONDS));
        }
        fail("model " + name + " is closed"); // which whoever waits for room hears
        process.close();
        timers.shutdownNow();
        bell.close();
        directory.close();
    }

    private boolean endStream() {
        lock.lock();
        try {
            closing = true;
            boolean inOrder = failure == null && answers.isEmpty();
            if (inOrder) {
                frames.sendEnd();
            }
            return inOrder;
        } catch (Exception error) {
            LOG.debug("{} is closed in the midst", name, error);
            return false;
        } finally {
            lock.unlock();
        }
    }
}
