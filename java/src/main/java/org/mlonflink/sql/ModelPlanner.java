package org.mlonflink.sql;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.catalog.Column;
import org.apache.flink.table.catalog.ResolvedCatalogModel;
import org.apache.flink.table.catalog.ResolvedSchema;
import org.apache.flink.table.types.logical.RowType;
import org.mlonflink.node.Interpreter;
import org.mlonflink.node.Json;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has Python plan a model where the query is planned: {@code ml_framework.sql}, once, in a process of its own. */
final class ModelPlanner {
    private static final Logger LOG = LoggerFactory.getLogger(ModelPlanner.class);

    private static final ConfigOption<String> PYTHON_EXECUTABLE =
            ConfigOptions.key("python.executable").stringType().defaultValue("python3");
    private static final String MODULE = "ml_framework.sql";
    private static final long LIMIT_SECONDS = 60;

    private final String model;
    private final ReadableConfig options;
    private final String python;
    private final String pythonPath;

    ModelPlanner(String model, ReadableConfig options, ReadableConfig session) {
        this.model = model;
        this.options = options;
        this.python = options.getOptional(ModelOptions.PYTHON).orElse(session.get(PYTHON_EXECUTABLE));
        this.pythonPath = options.getOptional(ModelOptions.PYTHON_PATH).orElse(System.getProperty("user.dir"));
    }

    /**
     * Plans the model.
     *
     * @throws ValidationException it cannot be as described; the message names the model and the remedy.
     */
    ModelSettings plan(ResolvedCatalogModel declared) {
        int processes = processes();
        ObjectNode answer = ask(Json.line(request(declared)));
        if (answer.has("error")) {
            throw new ValidationException(answer.get("error").asText());
        }
        ObjectNode settings = (ObjectNode) answer.get("settings");
        RowType input = (RowType)
                declared.getResolvedInputSchema().toPhysicalRowDataType().getLogicalType();
        return ModelSettings.parse(model, settings.put("python", python), input, processes);
    }

    private int processes() {
        Optional<Integer> processes = options.getOptional(ModelOptions.PROCESSES);
        if (processes.isPresent() && processes.get() < 1) {
            throw new ValidationException(
                    "model " + model + ": 'processes' is " + processes.get() + ", it must be at least 1");
        }
        return processes.orElse(ModelSettings.ONE_PER_SUBTASK);
    }

    private ObjectNode request(ResolvedCatalogModel declared) {
        ObjectNode request = Json.object()
                .put("model", model)
                .put("max_batch", options.get(ModelOptions.MAX_BATCH))
                .put("max_delay_ms", options.get(ModelOptions.MAX_DELAY).toMillis())
                .put("threads", options.getOptional(ModelOptions.THREADS).orElse(null))
                .put("python_path", pythonPath);
        for (ConfigOption<String> option : ModelOptions.TEXTS) {
            request.put(option.key().replace('-', '_'), options.getOptional(option).orElse(null));
        }
        columns(request.putArray("input"), declared.getResolvedInputSchema());
        columns(request.putArray("output"), declared.getResolvedOutputSchema());
        return request;
    }

    private static void columns(ArrayNode into, ResolvedSchema schema) {
        for (Column column : schema.getColumns()) {
            into.addArray()
                    .add(column.getName())
                    .add(column.getDataType().getLogicalType().asSerializableString());
        }
    }

    /** What Python answers, on the last line that it prints. */
    private ObjectNode ask(String request) {
        String printed;
        try {
            printed = answer(request);
        } catch (IOException error) {
            throw refusal("its interpreter cannot be started: " + error.getMessage());
        } catch (ExecutionException | TimeoutException error) {
            throw refusal("'" + python + " -m " + MODULE + "' has not answered: " + error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new ValidationException("the planning of model " + model + " was interrupted", error);
        }
        String last = printed.substring(printed.lastIndexOf('\n') + 1);
        if (!last.startsWith("{")) {
            String said = printed.isEmpty() ? "says nothing" : "says: " + printed;
            throw refusal("'" + python + " -m " + MODULE + "' " + said);
        }
        return Json.object(last);
    }

    private String answer(String request)
            throws IOException, ExecutionException, TimeoutException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(python, "-m", MODULE).redirectErrorStream(true);
        builder.environment().putAll(Interpreter.of(python, pythonPath).variables());
        Process process = builder.start();
        try (InputStream output = process.getInputStream()) {
            Future<byte[]> printed = CompletableFuture.supplyAsync(() -> readAll(output));
            try (OutputStream input = process.getOutputStream()) {
                input.write(request.getBytes(StandardCharsets.UTF_8));
            } catch (IOException goneAlready) {
                LOG.debug("what it has printed says why", goneAlready);
            }
            return new String(printed.get(LIMIT_SECONDS, TimeUnit.SECONDS), StandardCharsets.UTF_8).strip();
        } finally {
            process.destroyForcibly();
        }
    }

    private static byte[] readAll(InputStream stream) {
        try {
            return stream.readAllBytes();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private ValidationException refusal(String reason) {
        return new ValidationException("model " + model + ": " + reason + ". Planning it takes a Python 3.11 with "
                + "ml-on-flink: name its interpreter by 'python' in the WITH clause, or by python.executable.");
    }
}
