package org.mlonflink.flink;

import java.io.Serializable;
import java.util.List;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/** A source of parallelism 1 that emits no row, and ends when the ML cluster has, see {@link AmOperator}. */
public final class AmSource implements Source<Byte, AmSource.NoSplit, Integer> {
    private static final long serialVersionUID = 1L;

    private final MasterSettings settings;

    AmSource(MasterSettings settings) {
        this.settings = settings;
    }

    @Override
    public Boundedness getBoundedness() {
        return Boundedness.CONTINUOUS_UNBOUNDED;
    }

    @Override
    public SourceReader<Byte, NoSplit> createReader(SourceReaderContext context) {
        return new AmReader(ClusterEnd.of(context.metricGroup(), settings));
    }

    @Override
    public SplitEnumerator<NoSplit, Integer> createEnumerator(SplitEnumeratorContext<NoSplit> context) {
        return new Enumerator();
    }

    @Override
    public SplitEnumerator<NoSplit, Integer> restoreEnumerator(
            SplitEnumeratorContext<NoSplit> context, Integer checkpoint) {
        return createEnumerator(context);
    }

    @Override
    public SimpleVersionedSerializer<NoSplit> getSplitSerializer() {
        return new Nothing<>(null);
    }

    @Override
    public SimpleVersionedSerializer<Integer> getEnumeratorCheckpointSerializer() {
        return new Nothing<>(0);
    }

    /** There are no splits. */
    static final class NoSplit implements SourceSplit, Serializable {
        private static final long serialVersionUID = 1L;

        @Override
        public String splitId() {
            return "none";
        }
    }

    /** There is nothing to enumerate. */
    private static final class Enumerator implements SplitEnumerator<NoSplit, Integer> {
        @Override
        public Integer snapshotState(long checkpoint) {
            return 0;
        }

        @Override
        public void start() {}

        @Override
        public void handleSplitRequest(int subtask, String host) {}

        @Override
        public void addSplitsBack(List<NoSplit> splits, int subtask) {}

        @Override
        public void addReader(int subtask) {}

        @Override
        public void close() {}
    }

    /** Writes nothing and reads back one constant. */
    private static final class Nothing<T> implements SimpleVersionedSerializer<T> {
        private final T constant;

        Nothing(T constant) {
            this.constant = constant;
        }

        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(T value) {
            return new byte[0];
        }

        @Override
        public T deserialize(int version, byte[] data) {
            return constant;
        }
    }
}
