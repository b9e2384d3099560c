package org.mlonflink.node;

/** Words for the exit code of a process. */
final class Exit {
    private static final int SIGNAL_BASE = 128;

    private Exit() {}

    /** `lastWords` is the last line of its log: of a process that ended by itself, why. */
    static String describe(int code, String lastWords) {
        if (code > SIGNAL_BASE) {
            return "killed by signal " + (code - SIGNAL_BASE);
        }
        return "exit code " + code + (lastWords.isEmpty() ? "" : ": " + lastWords);
    }
}
