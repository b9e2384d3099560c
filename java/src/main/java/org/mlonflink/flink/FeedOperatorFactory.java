package org.mlonflink.flink;

import org.apache.flink.streaming.api.operators.AbstractStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.OneInputStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.api.operators.legacy.YieldingOperatorFactory;
import org.apache.flink.table.data.RowData;
import org.mlonflink.node.NodeSettings;

/**
 * Travels with the job graph and makes one {@link FeedOperator} a subtask. As it waits by yielding, Flink does not chain
 * it to a source that has a thread of its own.
 */
@SuppressWarnings("deprecation") // the marker that Flink still asks for
final class FeedOperatorFactory extends AbstractStreamOperatorFactory<Byte>
        implements OneInputStreamOperatorFactory<RowData, Byte>, YieldingOperatorFactory<Byte> {
    private static final long serialVersionUID = 1L;

    private final NodeSettings settings;

    FeedOperatorFactory(NodeSettings settings) {
        this.settings = settings;
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T extends StreamOperator<Byte>> T createStreamOperator(StreamOperatorParameters<Byte> parameters) {
        return (T) new FeedOperator(parameters, settings);
    }

    @Override
    @SuppressWarnings("rawtypes")
    public Class<? extends StreamOperator> getStreamOperatorClass(ClassLoader loader) {
        return FeedOperator.class;
    }
}
