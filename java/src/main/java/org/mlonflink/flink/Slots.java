package org.mlonflink.flink;

import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.operators.SlotSharingGroup;
import org.apache.flink.api.dag.Transformation;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.graph.StreamGraphGenerator;

/** The slots that a job takes as far as it is planned: of each slot sharing group, its largest parallelism. */
final class Slots {
    private final Map<Transformation<?>, String> groups = new IdentityHashMap<>();
    private final Map<String, Integer> need = new HashMap<>();
    private final int defaultParallelism;

    private Slots(int defaultParallelism) {
        this.defaultParallelism = Math.max(1, defaultParallelism);
    }

    static Map<String, Integer> of(StreamExecutionEnvironment environment) {
        Slots slots = new Slots(environment.getParallelism());
        environment.getTransformations().forEach(slots::group);
        return slots.need;
    }

    /** The group that Flink will put this into, which is counted with everything before it. */
    private String group(Transformation<?> transformation) {
        String known = groups.get(transformation);
        if (known != null) {
            return known;
        }
        List<String> before =
                transformation.getInputs().stream().map(this::group).distinct().toList();
        String inherited = before.size() == 1 ? before.get(0) : StreamGraphGenerator.DEFAULT_SLOT_SHARING_GROUP;
        String group = transformation
                .getSlotSharingGroup()
                .map(SlotSharingGroup::getName)
                .orElse(inherited);
        groups.put(transformation, group);
        int parallelism = transformation.getParallelism();
        need.merge(group, parallelism > 0 ? parallelism : defaultParallelism, Math::max);
        return group;
    }
}
