package org.mlonflink.sql;

import java.util.Collection;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.functions.AsyncPredictFunction;
import org.apache.flink.table.functions.FunctionContext;
import org.mlonflink.node.NodeFailure;

/** Scores the rows of one subtask, by a process of its own or by one that it shares. */
public final class ModelFunction extends AsyncPredictFunction {
    private static final long serialVersionUID = 1L;

    private final ModelSettings settings;

    private transient ModelProcesses.Lease lease;
    private transient InputTypes types;

    ModelFunction(ModelSettings settings) {
        this.settings = settings;
    }

    @Override
    public void open(FunctionContext context) throws Exception {
        super.open(context);
        types = new InputTypes(settings.name(), settings.input());
        lease = ModelProcesses.lease(settings, context);
    }

    @Override
    public CompletableFuture<Collection<RowData>> asyncPredict(RowData row) {
        try {
            types.check((GenericRowData) row); // which eval makes of its arguments
        } catch (NodeFailure wrong) {
            return CompletableFuture.failedFuture(wrong);
        }
        return lease.process().score(row);
    }

    @Override
    public void close() throws Exception {
        if (lease != null) {
            lease.close();
            lease = null;
        }
        super.close();
    }
}
