package org.mlonflink.flink;

import java.io.Serializable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.runtime.operators.coordination.CoordinationRequest;
import org.apache.flink.runtime.operators.coordination.CoordinationRequestHandler;
import org.apache.flink.runtime.operators.coordination.CoordinationResponse;
import org.apache.flink.runtime.operators.coordination.OperatorCoordinator;
import org.apache.flink.runtime.operators.coordination.OperatorEvent;
import org.mlonflink.node.NodeFailure;

/**
 * Hears from the AM's operator where the application master is, and answers that to node operators and to the job's
 * client; every operator of the cluster has one. That of the AM fails the job where Flink finds no slots for it in time.
 *
 * <p>Threads: Flink calls it on the JobManager's main thread; a time-out comes on another.
 */
final class MasterCoordinator implements OperatorCoordinator, CoordinationRequestHandler {
    private final String job;
    private final Context context;
    private final Limit limit;
    /** Counts the waits for an AM: one that is over has another number. */
    private volatile int waits;

    /**
     * How long the cluster may wait for slots, which its AM ends.
     *
     * @param seconds from the submission, or a restart, to the AM's start
     * @param needs what the cluster needs, in words
     */
    record Limit(double seconds, String needs) implements Serializable {}

    private MasterCoordinator(String job, Context context, Limit limit) {
        this.job = job;
        this.context = context;
        this.limit = limit;
    }

    @Override
    public void start() {
        await();
    }

    @Override
    public void handleEventFromOperator(int subtask, int attempt, OperatorEvent event) {
        waits++;
        MasterDirectory.of(job).publish(attempt, (MasterAddress) event);
    }

    @Override
    public void executionAttemptFailed(int subtask, int attempt, Throwable reason) {
        waits++; // until Flink starts it again, which the restart strategy may put off
    }

    private void await() {
        int wait = ++waits;
        if (limit != null) {
            CompletableFuture.delayedExecutor((long) (limit.seconds() * 1000), TimeUnit.MILLISECONDS)
                    .execute(() -> giveUp(wait));
        }
    }

    private void giveUp(int wait) {
        if (wait == waits) {
            context.failJob(new SuppressRestartsException(new NodeFailure("Flink has not started the application "
                    + "master within " + limit.seconds() + " s: the cluster needs " + limit.needs() + ". Give Flink "
                    + "more slots (taskmanager.numberOfTaskSlots, more TaskManagers), plan fewer nodes, or raise "
                    + "Timeouts.slots where TaskManagers take longer to start.")));
        }
    }

    @Override
    public CompletableFuture<CoordinationResponse> handleCoordinationRequest(CoordinationRequest request) {
        int attempt = ((MasterAddress.Request) request).attempt();
        return MasterDirectory.of(job).find(attempt).thenApply(MasterAddress::answer);
    }

    @Override
    public void checkpointCoordinator(long id, CompletableFuture<byte[]> result) {
        result.complete(new byte[0]); // Where the master listens is never restored: it is another one.
    }

    @Override
    public void close() {
        waits++;
        MasterDirectory.forget(job);
    }

    @Override
    public void notifyCheckpointComplete(long id) {}

    @Override
    public void resetToCheckpoint(long id, byte[] data) {
        await();
    }

    @Override
    public void subtaskReset(int subtask, long id) {
        await();
    }

    @Override
    public void executionAttemptReady(int subtask, int attempt, SubtaskGateway gateway) {}

    /** Travels with the job graph; {@code limit} is null but for the AM's own operator. */
    record Provider(OperatorID operator, String job, Limit limit) implements OperatorCoordinator.Provider {
        @Override
        public OperatorID getOperatorId() {
            return operator;
        }

        @Override
        public OperatorCoordinator create(Context context) {
            return new MasterCoordinator(job, context, limit);
        }
    }
}
