package org.mlonflink.benchmarks;

import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimitedSourceReader;

/** Numbers from 0 on, one each interval. */
final class PacedSource extends NumberSequenceSource {
    private static final long serialVersionUID = 1L;
    private final long intervalNanos;

    PacedSource(long count, long intervalNanos) {
        super(0, count - 1);
        this.intervalNanos = intervalNanos;
    }

    @Override
    public SourceReader<Long, NumberSequenceSplit> createReader(SourceReaderContext context) {
        return new RateLimitedSourceReader<>(super.createReader(context), new Pace<>(intervalNanos));
    }
}
