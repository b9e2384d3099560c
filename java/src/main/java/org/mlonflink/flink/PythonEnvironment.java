package org.mlonflink.flink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.python.PythonOptions;
import org.apache.flink.python.env.PythonDependencyInfo;
import org.apache.flink.python.env.process.ProcessPythonEnvironmentManager;
import org.apache.flink.streaming.api.operators.StreamingRuntimeContext;
import org.mlonflink.node.Interpreter;

/**
 * The interpreter and the environment variables of an agent.
 *
 * <p>Where the job sets PyFlink's Python dependencies (-pyfs, -pyarch, -pyreq, python.executable), PyFlink's own code
 * lays them out; else the agent runs on the interpreter that planned the job.
 */
final class PythonEnvironment implements AutoCloseable {
    /** Its processes run among the job's archives, if there are any. */
    final Interpreter interpreter;

    private final ProcessPythonEnvironmentManager manager;

    private PythonEnvironment(Interpreter interpreter, ProcessPythonEnvironmentManager manager) {
        this.interpreter = interpreter;
        this.manager = manager;
    }

    /** Lays out the job's Python dependencies, if it has any. May install requirements, which takes its time. */
    static PythonEnvironment open(
            Map<String, String> pythonOptions, String planned, String pythonPath, StreamingRuntimeContext context)
            throws Exception {
        Configuration configuration = Configuration.fromMap(pythonOptions);
        PythonDependencyInfo dependencies =
                PythonDependencyInfo.create(configuration, context.getDistributedCache());
        boolean none = dependencies.getPythonFiles().isEmpty()
                && dependencies.getArchives().isEmpty()
                && dependencies.getRequirementsFilePath().isEmpty()
                && dependencies.getPythonPath().isEmpty();
        String python = configuration.getOptional(PythonOptions.PYTHON_EXECUTABLE).orElse(planned);
        if (none) {
            return new PythonEnvironment(Interpreter.of(python, pythonPath), null);
        }
        ProcessPythonEnvironmentManager manager = new ProcessPythonEnvironmentManager(
                dependencies,
                context.getTaskManagerRuntimeInfo().getTmpDirectories(),
                System.getenv(),
                context.getJobInfo().getJobId());
        manager.open();
        Map<String, String> variables = new HashMap<>(manager.getPythonEnv());
        variables.merge("PYTHONPATH", pythonPath, (files, ours) -> files + ":" + ours);
        variables.remove("python"); // PyFlink's name for the interpreter
        String archives = variables.get(ProcessPythonEnvironmentManager.PYTHON_WORKING_DIR);
        Path directory = archives == null ? null : Path.of(archives);
        return new PythonEnvironment(new Interpreter(inArchives(python, directory), variables, directory), manager);
    }

    /** `venv.zip/venv/bin/python` is in an archive of that name. */
    private static String inArchives(String python, Path archives) {
        Path path = archives == null ? null : archives.resolve(python);
        return path != null && Files.isExecutable(path) ? path.toString() : python;
    }

    /** Whether it is there after this is closed: nothing was laid out. */
    boolean lasts() {
        return manager == null;
    }

    /** Removes what was laid out; another node of the same job on this host may still keep it. */
    @Override
    public void close() throws IOException {
        if (manager == null) {
            return;
        }
        try {
            manager.close();
        } catch (Exception error) {
            throw new IOException("the job's Python files could not be removed", error);
        }
    }
}
