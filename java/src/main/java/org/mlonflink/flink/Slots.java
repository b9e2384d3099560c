package org.mlonflink.flink;

import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.operators.SlotSharingGroup;
import org.apache.flink.api.dag.Transformation;
import org.apache.flink.runtime.clusterframework.types.ResourceProfile;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.graph.StreamGraph;
import org.apache.flink.streaming.api.graph.StreamGraphGenerator;

/**
 * The slots that a job takes as far as it is planned: of each slot sharing group, its largest parallelism; and their
 * sizes, where they have one of their own.
 */
final class Slots {
    private static final String CPU = "cpuCores";
    private static final String HEAP = "taskHeapMemory";
    private static final String OFF_HEAP = "taskOffHeapMemory";
    private static final double MEBI = 1 << 20;

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

    /** The sizes of slots of those groups that have one, as Flink's REST API names resources; memory in MiB. */
    static Map<String, Map<String, Double>> sizes(StreamExecutionEnvironment environment) {
        StreamGraph graph = environment.getStreamGraph(false);
        Map<String, Map<String, Double>> sizes = new HashMap<>();
        for (String group : of(environment).keySet()) {
            graph.getSlotSharingGroupResource(group).ifPresent(profile -> sizes.put(group, size(profile)));
        }
        return sizes;
    }

    private static Map<String, Double> size(ResourceProfile profile) {
        Map<String, Double> size = new HashMap<>();
        size.put(CPU, profile.getCpuCores().getValue().doubleValue());
        size.put(HEAP, profile.getTaskHeapMemory().getBytes() / MEBI);
        size.put(OFF_HEAP, profile.getTaskOffHeapMemory().getBytes() / MEBI);
        size.put("managedMemory", profile.getManagedMemory().getBytes() / MEBI);
        profile.getExtendedResources()
                .forEach((name, resource) -> size.put(name, resource.getValue().doubleValue()));
        return size;
    }

    /** A group as the planner describes it. */
    static SlotSharingGroup group(JsonNode json) {
        SlotSharingGroup.Builder group =
                SlotSharingGroup.newBuilder(json.get("name").asText());
        JsonNode size = json.get("size");
        if (size.isNull()) {
            return group.build();
        }
        group.setCpuCores(size.get(CPU).asDouble())
                .setTaskHeapMemoryMB(size.get(HEAP).asInt())
                .setTaskOffHeapMemoryMB(size.get(OFF_HEAP).asInt());
        if (size.get(Gpus.RESOURCE).asInt() > 0) {
            group.setExternalResource(Gpus.RESOURCE, size.get(Gpus.RESOURCE).asDouble());
        }
        return group.build();
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
