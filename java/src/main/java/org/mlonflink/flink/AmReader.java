package org.mlonflink.flink;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.core.io.InputStatus;

/** Reads nothing until the cluster has ended. */
final class AmReader implements SourceReader<Byte, AmSource.NoSplit> {
    private final ClusterEnd end;
    private boolean idle;

    AmReader(ClusterEnd end) {
        this.end = end;
    }

    @Override
    public InputStatus pollNext(ReaderOutput<Byte> output) {
        if (end.hasCome()) {
            return InputStatus.END_OF_INPUT;
        }
        if (!idle) {
            idle = true;
            output.markIdle();
        }
        return InputStatus.NOTHING_AVAILABLE;
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
        return idle ? end.coming() : CompletableFuture.completedFuture(null);
    }

    @Override
    public void close() {
        end.close();
    }

    @Override
    public List<AmSource.NoSplit> snapshotState(long checkpoint) {
        return List.of();
    }

    @Override
    public void start() {}

    @Override
    public void addSplits(List<AmSource.NoSplit> splits) {}

    @Override
    public void notifyNoMoreSplits() {}
}
