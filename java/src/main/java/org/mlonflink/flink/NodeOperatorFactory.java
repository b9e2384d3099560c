package org.mlonflink.flink;

import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.runtime.operators.coordination.OperatorCoordinator;
import org.apache.flink.streaming.api.operators.AbstractStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.CoordinatedOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.table.data.RowData;
import org.mlonflink.node.NodeSettings;

/** Travels with the job graph and makes one {@link NodeOperator} a subtask. */
final class NodeOperatorFactory extends AbstractStreamOperatorFactory<RowData>
        implements CoordinatedOperatorFactory<RowData> {
    private static final long serialVersionUID = 1L;

    private final NodeSettings settings;

    NodeOperatorFactory(NodeSettings settings) {
        this.settings = settings;
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T extends StreamOperator<RowData>> T createStreamOperator(StreamOperatorParameters<RowData> parameters) {
        return (T) new NodeOperator(parameters, settings);
    }

    @Override
    @SuppressWarnings("rawtypes")
    public Class<? extends StreamOperator> getStreamOperatorClass(ClassLoader loader) {
        return NodeOperator.class;
    }

    @Override
    public OperatorCoordinator.Provider getCoordinatorProvider(String name, OperatorID operator) {
        return new MasterCoordinator.Provider(operator, settings.job(), null);
    }
}
