package org.mlonflink.flink;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.Base64;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.runtime.operators.coordination.OperatorEventGateway;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.IOUtils;
import org.mlonflink.node.GuardedProcess;
import org.mlonflink.node.NodeFailure;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts the AM process, tells the coordinator where it listens, and has the {@link AmSource} before it end when the
 * AM says that the job is done.
 *
 * <p>Threads: the process's events come on its reader thread, which posts a mail where the task fails.
 */
final class AmOperator extends AbstractStreamOperator<Byte>
        implements OneInputStreamOperator<Byte, Byte>, GuardedProcess.Listener {
    private static final long serialVersionUID = 1L;
    private static final Logger LOG = LoggerFactory.getLogger("mlonflink.master");
    private static final int TOKEN_BYTES = 32;

    private final transient MasterSettings settings;
    private final transient MailboxExecutor mailbox;
    private final transient OperatorEventGateway coordinator;
    private final transient String token;
    /** The URL of the cluster's page, without a token; empty until it is open, and where there is none. */
    private final transient Text page = new Text();
    /** The state of the cluster when it had ended, JSON. */
    private final transient Text status = new Text();

    private transient ClusterEnd end;
    private transient PythonEnvironment python;
    private transient GuardedProcess process;

    AmOperator(StreamOperatorParameters<Byte> parameters, MasterSettings settings) {
        super(parameters);
        this.settings = settings;
        this.mailbox = parameters.getMailboxExecutor();
        this.coordinator = parameters.getOperatorEventDispatcher().getOperatorEventGateway(getOperatorID());
        byte[] secret = new byte[TOKEN_BYTES];
        new SecureRandom().nextBytes(secret);
        this.token = Base64.getUrlEncoder().withoutPadding().encodeToString(secret);
    }

    @Override
    public void open() throws Exception {
        super.open();
        getRuntimeContext().addAccumulator(settings.name() + "/page", page);
        getRuntimeContext().addAccumulator(settings.name() + "/status", status);
        end = ClusterEnd.of(getRuntimeContext().getMetricGroup(), settings);
        python = settings.environment(getRuntimeContext());
        try {
            process = new GuardedProcess(
                    "application master", python.interpreter, "ml_framework.master", settings.grace(), LOG, this);
        } catch (IOException error) {
            throw new NodeFailure("the application master could not be started with " + python.interpreter.path() + ": "
                    + error.getMessage());
        }
        Host host = Host.of(getRuntimeContext().getTaskManagerRuntimeInfo());
        process.send(settings.configuration(host, token));
    }

    @Override
    public void event(JsonNode event) {
        switch (event.path("event").asText()) {
            case "listening" -> announce(event.path("address").asText(), event.path("page").asText());
            case "finished", "stopped" -> {
                status.add(event.path("status").asText());
                end.come();
            }
            case "failed" -> fail(event.path("cause").asText());
            default -> LOG.warn("unknown event of the application master: {}", event);
        }
    }

    private void announce(String address, String url) {
        LOG.info("the application master listens at {}", address);
        if (!url.isEmpty()) {
            LOG.info("the page of the cluster is at {}", url);
            page.add(url);
        }
        coordinator.sendEventToCoordinator(new MasterAddress(address, token));
    }

    @Override
    public void exited(String how) {
        if (!end.hasCome()) {
            fail("the application master died (" + how + ")");
        }
    }

    private void fail(String cause) {
        NodeFailure failure = new NodeFailure(cause);
        new Mail(mailbox, () -> {
                    throw failure;
                }, "fail with the application master")
                .post();
    }

    @Override
    public void processElement(StreamRecord<Byte> element) {
        throw new IllegalStateException("the application master's source emits no rows");
    }

    @Override
    public void close() throws Exception {
        try {
            IOUtils.closeAll(process, end, python);
        } finally {
            super.close();
        }
    }
}
