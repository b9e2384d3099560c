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
    /** Nobody waits for the rows to come, and they wait for nothing. */
    private transient boolean cancelled;

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
        if (cancelled) {
            return new CompletableFuture<>();
        }
        try {
            types.check((GenericRowData) row); // which eval makes of its arguments
            return lease.process().score(row);
        } catch (NodeFailure wrong) {
            return CompletableFuture.failedFuture(wrong);
        } catch (InterruptedException stop) {
            // Flink's runner drops the interruption with the next row, and a task that restores rows goes on with them.
            cancelled = true;
            Thread.currentThread().interrupt();
            return CompletableFuture.failedFuture(stop);
        }
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
