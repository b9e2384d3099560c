package org.mlonflink.flink;

import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.runtime.taskmanager.TaskManagerRuntimeInfo;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * Where processes of this TaskManager are reached, and where they listen: names or addresses.
 *
 * @param advertised what others connect to
 * @param bound what the processes listen at
 */
record Host(String advertised, String bound) {
    private static final String EMBEDDED = "127.0.0.1";
    private static final ConfigOption<String> ADVERTISED_HOST = ConfigOptions.key("mlonflink.advertised-host")
            .stringType()
            .noDefaultValue()
            .withDescription("By which other hosts reach the processes of this TaskManager; by default what the "
                    + "TaskManager announces, taskmanager.host.");
    private static final ConfigOption<String> BIND_HOST = ConfigOptions.key("mlonflink.bind-host")
            .stringType()
            .noDefaultValue()
            .withDescription("Where the processes of this TaskManager listen; by default the advertised host.");

    /** As this TaskManager is configured; an embedded cluster announces nothing, and is reached on loopback. */
    static Host of(TaskManagerRuntimeInfo manager) {
        String announced = manager.getTaskManagerExternalAddress();
        String byDefault = announced == null || announced.isEmpty() ? EMBEDDED : announced;
        String advertised = manager.getConfiguration().get(ADVERTISED_HOST, byDefault);
        return new Host(advertised, manager.getConfiguration().get(BIND_HOST, advertised));
    }

    /** Adds both to a line for a process. */
    ObjectNode addTo(ObjectNode line) {
        return line.put("host", advertised).put("bind_host", bound);
    }
}
