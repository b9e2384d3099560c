package org.mlonflink.flink;

import org.apache.flink.api.common.accumulators.Accumulator;
import org.apache.flink.api.common.accumulators.SimpleAccumulator;

/**
 * The URL of the cluster's page, as an accumulator of the AM's operator, where Flink's UI and REST API show it: empty
 * until the page is open, and without one. It holds no token.
 *
 * <p>Threads: one sets it, Flink reads it from others.
 */
final class PageAddress implements SimpleAccumulator<String> {
    /** The accumulator's name. */
    static final String NAME = "page";

    private static final long serialVersionUID = 1L;

    private volatile String url = "";

    @Override
    public void add(String value) {
        url = value;
    }

    @Override
    public String getLocalValue() {
        return url;
    }

    @Override
    public void resetLocal() {
        url = "";
    }

    @Override
    public void merge(Accumulator<String, String> other) {
        if (url.isEmpty()) {
            url = other.getLocalValue();
        }
    }

    @Override
    public PageAddress clone() {
        PageAddress copy = new PageAddress();
        copy.add(url);
        return copy;
    }

    @Override
    public String toString() {
        return url;
    }
}
