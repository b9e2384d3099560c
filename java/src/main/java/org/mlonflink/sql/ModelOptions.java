package org.mlonflink.sql;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;

/** What a model's WITH clause may say. */
final class ModelOptions {
    static final ConfigOption<String> PATH =
            text("path", "Path, on every machine that scores, or URL of a model, or of a folder of versions of one.");
    static final ConfigOption<String> FORMAT = text(
            "format",
            "torch-export, torchscript, state-dict, keras, keras-weights, saved-model or onnx.");
    static final ConfigOption<String> INPUTS =
            text("inputs", "The model's arguments: columns or groups, separated by commas; all of them by default.");
    static final ConfigOption<String> GROUPS =
            text("groups", "Columns that are one tensor: features=distance,hour; others=a,b.");
    static final ConfigOption<String> FACTORY =
            text("factory", "module:function that makes the model for a file that holds weights alone.");
    static final ConfigOption<String> PREPROCESS =
            text("preprocess", "module:function that makes the model's arguments of a batch.");
    static final ConfigOption<String> POSTPROCESS =
            text("postprocess", "module:function that makes the answers of what the model returns.");
    static final ConfigOption<String> VERSION_COLUMN =
            text("version-column", "BIGINT column of OUTPUT for the version that has answered.");
    static final ConfigOption<String> ERROR_COLUMN = text(
            "error-column",
            "STRING column of OUTPUT for why a row was refused; without one such a row fails the job.");
    static final ConfigOption<String> PYTHON =
            text("python", "Interpreter with ml-on-flink; python.executable of the configuration by default.");
    static final ConfigOption<String> PYTHON_PATH = text(
            "python-path",
            "Folders that the functions' modules are in, separated by colons; the working directory by default.");
    static final ConfigOption<String> LOG_DIR =
            text("log-dir", "Folder for the logs of the model's processes; ml-on-flink-logs among temporary files by default.");
    static final ConfigOption<Integer> MAX_BATCH = ConfigOptions.key("max-batch")
            .intType()
            .defaultValue(1024)
            .withDescription("Rows of a batch, at most.");
    static final ConfigOption<Duration> MAX_DELAY = ConfigOptions.key("max-delay")
            .durationType()
            .defaultValue(Duration.ZERO)
            .withDescription("Longest time that a row waits for its batch to fill while the process is free.");
    static final ConfigOption<Integer> PROCESSES = ConfigOptions.key("processes")
            .intType()
            .noDefaultValue()
            .withDescription("Processes of a TaskManager, shared by its subtasks; one for each subtask by default.");
    static final ConfigOption<Integer> THREADS = ConfigOptions.key("threads")
            .intType()
            .noDefaultValue()
            .withDescription("That one process computes with; the host's CPUs are shared by default.");

    /** Those that Python reads as they are. */
    static final List<ConfigOption<String>> TEXTS = List.of(
            PATH, FORMAT, INPUTS, GROUPS, FACTORY, PREPROCESS, POSTPROCESS, VERSION_COLUMN, ERROR_COLUMN, LOG_DIR);

    static final Set<ConfigOption<?>> REQUIRED = Set.of(PATH, FORMAT);

    private ModelOptions() {}

    static Set<ConfigOption<?>> optional() {
        Set<ConfigOption<?>> all = new HashSet<>(TEXTS);
        all.addAll(List.of(PYTHON, PYTHON_PATH, MAX_BATCH, MAX_DELAY, PROCESSES, THREADS));
        all.removeAll(REQUIRED);
        return all;
    }

    private static ConfigOption<String> text(String key, String description) {
        return ConfigOptions.key(key).stringType().noDefaultValue().withDescription(description);
    }
}
