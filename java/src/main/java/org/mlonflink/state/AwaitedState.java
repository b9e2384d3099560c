package org.mlonflink.state;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * The one piece of a state that its process has yet to say; whoever reads it waits for that. Without a state the piece is
 * empty.
 *
 * <p>Threads: completed on the task thread, read by a thread of Flink's checkpoints.
 */
public final class AwaitedState implements NodeState {
    private final CompletableFuture<NodeState> piece = new CompletableFuture<>();

    /** The process has said its state; nothing happens if it had before. */
    public void complete(SharedState state) {
        List<NodeState> parts = state.parts();
        if (parts.size() > 1) {
            fail("the node's process has left " + parts.size() + " pieces of state where one was expected");
        } else {
            piece.complete(parts.isEmpty() ? new Empty() : parts.get(0));
        }
    }

    /** There is no such state, which the checkpoint that waits for it fails with. */
    public void fail(String reason) {
        piece.complete(NodeState.missing(reason));
    }

    @Override
    public long length() throws IOException {
        return awaited().length();
    }

    @Override
    public void read(long position, byte[] target, int count) throws IOException {
        awaited().read(position, target, count);
    }

    @Override
    public void close() throws IOException {
        awaited().close();
    }

    private NodeState awaited() throws IOException {
        try {
            return piece.get();
        } catch (InterruptedException cancelled) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("the checkpoint was cancelled");
        } catch (ExecutionException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static final class Empty implements NodeState {
        @Override
        public long length() {
            return 0;
        }

        @Override
        public void read(long position, byte[] target, int count) {}
    }
}
