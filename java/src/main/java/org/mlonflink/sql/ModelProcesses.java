package org.mlonflink.sql;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import org.apache.flink.table.functions.FunctionContext;

/**
 * The processes of this TaskManager that several subtasks share. Each subtask leases the one that has the fewest leases,
 * or a new one while there may be more; the last lease closes it.
 *
 * <p>Threads: task threads lease and give back under one lock, beside which processes are closed.
 */
final class ModelProcesses {
    private static final Map<Model, List<Shared>> SHARED = new HashMap<>();

    /** A model of one run of a job. */
    private record Model(String job, ModelSettings settings) {}

    private static final class Shared {
        final Model model;
        final int index;
        final ModelProcess process;
        int leases;

        Shared(Model model, int index, ModelProcess process) {
            this.model = model;
            this.index = index;
            this.process = process;
        }
    }

    /** A process, as long as a subtask needs it. */
    static final class Lease implements AutoCloseable {
        private final ModelProcess process;
        private final Shared shared;

        private Lease(ModelProcess process, Shared shared) {
            this.process = process;
            this.shared = shared;
        }

        ModelProcess process() {
            return process;
        }

        @Override
        public void close() throws IOException {
            if (shared == null || isLast(shared)) {
                process.close();
            }
        }
    }

    private ModelProcesses() {}

    /** For the subtask of `context`. */
    static Lease lease(ModelSettings settings, FunctionContext context) throws IOException {
        String job = context.getMetricGroup().getAllVariables().getOrDefault("<job_id>", UUID.randomUUID().toString());
        if (settings.processes() == ModelSettings.ONE_PER_SUBTASK) {
            int index = context.getTaskInfo().getIndexOfThisSubtask();
            int all = context.getTaskInfo().getNumberOfParallelSubtasks();
            return new Lease(new ModelProcess(settings, job, index, all, context), null);
        }
        return share(new Model(job, settings), context);
    }

    private static synchronized Lease share(Model model, FunctionContext context) throws IOException {
        List<Shared> processes = SHARED.getOrDefault(model, new ArrayList<>());
        processes.removeIf(shared -> shared.process.isOver()); // whoever leases it still closes it
        int limit = model.settings.processes();
        if (processes.size() < limit) {
            int index = firstFree(processes);
            processes.add(new Shared(model, index, new ModelProcess(model.settings, model.job, index, limit, context)));
            SHARED.put(model, processes);
        }
        Shared chosen = processes.stream()
                .min((one, other) -> Integer.compare(one.leases, other.leases))
                .orElseThrow();
        chosen.leases++;
        return new Lease(chosen.process, chosen);
    }

    private static int firstFree(List<Shared> processes) {
        return IntStream.iterate(0, index -> index + 1)
                .filter(index -> processes.stream().noneMatch(shared -> shared.index == index))
                .findFirst()
                .orElseThrow();
    }

    private static synchronized boolean isLast(Shared shared) {
        shared.leases--;
        if (shared.leases > 0) {
            return false;
        }
        List<Shared> processes = SHARED.getOrDefault(shared.model, List.of());
        processes.remove(shared);
        if (processes.isEmpty()) {
            SHARED.remove(shared.model);
        }
        return true;
    }
}
