package org.mlonflink.flink;

import java.util.concurrent.CompletableFuture;
import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.runtime.operators.coordination.CoordinationRequest;
import org.apache.flink.runtime.operators.coordination.CoordinationRequestHandler;
import org.apache.flink.runtime.operators.coordination.CoordinationResponse;
import org.apache.flink.runtime.operators.coordination.OperatorCoordinator;
import org.apache.flink.runtime.operators.coordination.OperatorEvent;

/** Answers one question of node operators and of the job's client: where is the application master? */
final class NodeCoordinator implements OperatorCoordinator, CoordinationRequestHandler {
    private final String job;

    NodeCoordinator(String job) {
        this.job = job;
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
    public void start() {}

    @Override
    public void close() {}

    @Override
    public void handleEventFromOperator(int subtask, int attempt, OperatorEvent event) {}

    @Override
    public void notifyCheckpointComplete(long id) {}

    @Override
    public void resetToCheckpoint(long id, byte[] data) {}

    @Override
    public void subtaskReset(int subtask, long id) {}

    @Override
    public void executionAttemptFailed(int subtask, int attempt, Throwable reason) {}

    @Override
    public void executionAttemptReady(int subtask, int attempt, SubtaskGateway gateway) {}

    /** Travels with the job graph. */
    static final class Provider implements OperatorCoordinator.Provider {
        private static final long serialVersionUID = 1L;
        private final OperatorID operator;
        private final String job;

        Provider(OperatorID operator, String job) {
            this.operator = operator;
            this.job = job;
        }

        @Override
        public OperatorID getOperatorId() {
            return operator;
        }

        @Override
        public OperatorCoordinator create(Context context) {
            return new NodeCoordinator(job);
        }
    }
}
