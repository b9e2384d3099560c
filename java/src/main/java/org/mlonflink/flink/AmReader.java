package org.mlonflink.flink;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts the AM process, tells the enumerator where it listens, and ends with it.
 *
 * <p>The process's reader thread completes {@link #ended}; Flink's task thread, woken by it, acts on the outcome.
 */
final class AmReader implements SourceReader<Byte, AmSource.NoSplit>, GuardedProcess.Listener {
    private static final Logger LOG = LoggerFactory.getLogger("mlonflink.master");

    private final MasterSettings settings;
    private final SourceReaderContext context;
    private final String token;
    /** Completes with null when the AM has finished, exceptionally when it or the job has failed. */
    private final CompletableFuture<Void> ended = new CompletableFuture<>();

    private GuardedProcess process;
    private boolean idle;

    AmReader(MasterSettings settings, SourceReaderContext context) {
        this.settings = settings;
        this.context = context;
        byte[] secret = new byte[32];
        new SecureRandom().nextBytes(secret);
        this.token = Base64.getUrlEncoder().withoutPadding().encodeToString(secret);
    }

    @Override
    public void start() {
        try {
            process = new GuardedProcess(
                    "application master",
                    settings.command(),
                    settings.environment(),
                    settings.grace(),
                    LOG,
                    this);
        } catch (IOException error) {
            ended.completeExceptionally(new NodeFailure("the application master could not be started with "
                    + settings.command().get(0) + ": " + error.getMessage()));
            return;
        }
        process.send(settings.configuration(Host.of(context.getLocalHostName()), token));
    }

    @Override
    public void event(JsonNode event) {
        switch (event.path("event").asText()) {
            case "listening" -> announce(event.path("address").asText());
            case "finished", "stopped" -> ended.complete(null);
            case "failed" -> ended.completeExceptionally(
                    new NodeFailure(event.path("cause").asText()));
            default -> LOG.warn("unknown event of the application master: {}", event);
        }
    }

    private void announce(String address) {
        LOG.info("the application master listens at {}", address);
        context.sendSourceEventToCoordinator(new MasterAddress(address, token));
    }

    @Override
    public void exited(int code) {
        ended.completeExceptionally(new NodeFailure("the application master died (" + Exit.describe(code) + ")"));
    }

    @Override
    public InputStatus pollNext(ReaderOutput<Byte> output) throws Exception {
        if (ended.isDone()) {
            rethrow();
            return InputStatus.END_OF_INPUT;
        }
        if (!idle) {
            idle = true;
            output.markIdle();
        }
        return InputStatus.NOTHING_AVAILABLE;
    }

    private void rethrow() throws NodeFailure {
        try {
            ended.join();
        } catch (java.util.concurrent.CompletionException failure) {
            throw (NodeFailure) failure.getCause();
        }
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
        return idle ? ended.handle((done, failure) -> null) : CompletableFuture.completedFuture(null);
    }

    @Override
    public void close() {
        if (process != null) {
            process.close();
        }
    }

    @Override
    public List<AmSource.NoSplit> snapshotState(long checkpoint) {
        return List.of();
    }

    @Override
    public void addSplits(List<AmSource.NoSplit> splits) {}

    @Override
    public void notifyNoMoreSplits() {}
}
