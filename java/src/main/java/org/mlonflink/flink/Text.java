package org.mlonflink.flink;

import org.apache.flink.api.common.accumulators.Accumulator;
import org.apache.flink.api.common.accumulators.SimpleAccumulator;

/**
 * A text as an accumulator, the last one that was added: Flink's UI and REST API show it while the job runs, and the
 * job's client gets it in the end.
 *
 * <p>Threads: one sets it, Flink reads it from others.
 */
final class Text implements SimpleAccumulator<String> {
    private static final long serialVersionUID = 1L;

    private volatile String text = "";

    @Override
    public void add(String value) {
        text = value;
    }

    @Override
    public String getLocalValue() {
        return text;
    }

    @Override
    public void resetLocal() {
        text = "";
    }

    @Override
    public void merge(Accumulator<String, String> other) {
        if (text.isEmpty()) {
            text = other.getLocalValue();
        }
    }

    @Override
    public Text clone() {
        Text copy = new Text();
        copy.add(text);
        return copy;
    }

    @Override
    public String toString() {
        return text;
    }
}
