package org.mlonflink.flink;

import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.runtime.operators.coordination.OperatorCoordinator;
import org.apache.flink.streaming.api.operators.AbstractStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.CoordinatedOperatorFactory;
import org.apache.flink.streaming.api.operators.OneInputStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;

/** Travels with the job graph and makes the {@link AmOperator}. */
final class AmOperatorFactory extends AbstractStreamOperatorFactory<Byte>
        implements OneInputStreamOperatorFactory<Byte, Byte>, CoordinatedOperatorFactory<Byte> {
    private static final long serialVersionUID = 1L;

    private final MasterSettings settings;

    AmOperatorFactory(MasterSettings settings) {
        this.settings = settings;
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T extends StreamOperator<Byte>> T createStreamOperator(StreamOperatorParameters<Byte> parameters) {
        return (T) new AmOperator(parameters, settings);
    }

    @Override
    @SuppressWarnings("rawtypes")
    public Class<? extends StreamOperator> getStreamOperatorClass(ClassLoader loader) {
        return AmOperator.class;
    }

    @Override
    public OperatorCoordinator.Provider getCoordinatorProvider(String name, OperatorID operator) {
        return new MasterCoordinator.Provider(operator, settings.key(), settings.limit());
    }
}
