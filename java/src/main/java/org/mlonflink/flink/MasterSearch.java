package org.mlonflink.flink;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.runtime.jobgraph.tasks.TaskOperatorEventGateway;
import org.apache.flink.runtime.operators.coordination.CoordinationRequest;
import org.apache.flink.runtime.operators.coordination.CoordinationResponse;
import org.apache.flink.util.SerializedValue;
import org.mlonflink.node.NodeProcess;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the JobManager for a node's AM, again and again while it answers "not yet", and tells the node's agent.
 *
 * <p>Threads: answers come on Flink's RPC threads.
 */
final class MasterSearch {
    private static final Logger LOG = LoggerFactory.getLogger("mlonflink.node");
    private static final long PAUSE_MILLIS = 500;

    private final String name;
    private final NodeProcess process;
    private final TaskOperatorEventGateway gateway;
    private final OperatorID operator;
    private final SerializedValue<CoordinationRequest> request;

    /** For the node `name` in the `attempt` of its task; `operator` is where `gateway` asks. */
    MasterSearch(String name, NodeProcess process, TaskOperatorEventGateway gateway, OperatorID operator, int attempt)
            throws IOException {
        this.name = name;
        this.process = process;
        this.gateway = gateway;
        this.operator = operator;
        this.request = new SerializedValue<>(new MasterAddress.Request(attempt));
    }

    void ask() {
        if (!process.isOver()) {
            gateway.sendRequestToCoordinator(operator, request).whenComplete(this::answered);
        }
    }

    private void answered(CoordinationResponse response, Throwable error) {
        if (error != null) {
            LOG.info("{} asks again where the application master is: {}", name, error.toString());
            CompletableFuture.delayedExecutor(PAUSE_MILLIS, TimeUnit.MILLISECONDS).execute(this::ask);
            return;
        }
        MasterAddress master = MasterAddress.read(response);
        if (master == null) {
            ask();
        } else {
            LOG.info("{} attends the application master at {}", name, master.address());
            process.send(master.message());
        }
    }
}
