package org.mlonflink.flink;

import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import org.apache.flink.api.common.externalresource.ExternalResourceInfo;
import org.mlonflink.node.NodeFailure;

/**
 * GPUs of this TaskManager that one node has to itself, until it closes them. Flink sees to it that a TaskManager has
 * enough of them for its slots, and tells each task of all: which are whose is kept in the JVM's system properties, for
 * nodes of other jobs are of other class loaders.
 */
final class Gpus implements AutoCloseable {
    /** The name of Flink's external resource. */
    static final String RESOURCE = "gpu";

    private static final String KEY = "mlonflink.gpu.";

    private final String owner;
    private final List<String> indices = new ArrayList<>();

    private Gpus(String owner) {
        this.owner = owner;
    }

    /**
     * Takes GPUs that no other node has. A node that starts again alike gets the same, where they are free.
     *
     * @param node its name, for messages
     * @param subtask its index, by which nodes look at different GPUs first
     * @param wanted how many
     * @param present all that the TaskManager has
     * @throws NodeFailure there are too few
     */
    static Gpus take(String node, int subtask, int wanted, Set<ExternalResourceInfo> present) throws NodeFailure {
        Gpus taken = new Gpus(node + "-" + System.nanoTime());
        List<String> all = present.stream()
                .map(gpu -> gpu.getProperty("index").orElseThrow())
                .sorted((a, b) -> a.length() == b.length() ? a.compareTo(b) : a.length() - b.length())
                .toList();
        Properties owners = System.getProperties();
        for (int i = 0; i < all.size() && taken.indices.size() < wanted; i++) {
            String index = all.get((subtask * wanted + i) % all.size());
            if (owners.putIfAbsent(KEY + index, taken.owner) == null) {
                taken.indices.add(index);
            }
        }
        if (taken.indices.size() < wanted) {
            int free = taken.indices.size();
            taken.close();
            throw new NodeFailure(node + " needs " + wanted + " × GPU, and of the " + all.size() + " of its TaskManager "
                    + free + " are free: raise external-resource.gpu.amount where the machine has more, or plan fewer "
                    + "nodes with gpu= for each TaskManager");
        }
        return taken;
    }

    /** As Flink's plugin found them, those of nvidia-smi. */
    List<String> indices() {
        return indices;
    }

    @Override
    public void close() {
        indices.forEach(index -> System.getProperties().remove(KEY + index, owner));
    }
}
