package org.mlonflink.node;

import java.nio.file.Path;
import java.util.Map;

/**
 * How Python is started.
 *
 * @param path of the interpreter, or its name
 * @param variables added to this JVM's environment
 * @param directory where processes run; null for this JVM's own
 */
public record Interpreter(String path, Map<String, String> variables, Path directory) {
    /** An interpreter that finds modules in the folders of `pythonPath`, too: behind those that are set already. */
    public static Interpreter of(String path, String pythonPath) {
        String inherited = System.getenv("PYTHONPATH");
        boolean alone = inherited == null || inherited.isEmpty();
        return new Interpreter(path, Map.of("PYTHONPATH", alone ? pythonPath : inherited + ":" + pythonPath), null);
    }
}
