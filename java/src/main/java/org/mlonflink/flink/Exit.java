package org.mlonflink.flink;

/** Words for the exit code of a process. */
final class Exit {
    private static final int SIGNAL_BASE = 128;

    private Exit() {}

    static String describe(int code) {
        return code > SIGNAL_BASE ? "killed by signal " + (code - SIGNAL_BASE) : "exit code " + code;
    }
}
