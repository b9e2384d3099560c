package org.mlonflink.state;

import java.io.FilterInputStream;
import java.io.InputStream;
import java.lang.reflect.Field;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.runtime.state.CompressibleFSDataInputStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The way to read a restored state in more than one byte at a time.
 *
 * <p>Flink 2.3 hands out operator state through a stream that overrides {@code read()} alone, so that reading an array
 * becomes one call, and on a local disk one system call, for each byte: half a minute for 16 MB. The stream below it reads
 * as it should, and there is no other way to it than by reflection. Where that is not allowed the state is read slowly.
 */
final class BulkInput {
    private static final Logger LOG = LoggerFactory.getLogger(BulkInput.class);
    private static final Field BELOW_VIEW = field(FilterInputStream.class, "in");
    private static final Field BELOW_BYTEWISE = field(CompressibleFSDataInputStream.class, "compressingDelegate");

    private BulkInput() {}

    /** The stream below {@code view}, which neither of them buffers; null where it cannot be had. */
    static InputStream below(DataInputView view) {
        if (BELOW_VIEW == null || BELOW_BYTEWISE == null || !(view instanceof FilterInputStream)) {
            return null;
        }
        try {
            Object bytewise = BELOW_VIEW.get(view);
            return bytewise instanceof CompressibleFSDataInputStream ? (InputStream) BELOW_BYTEWISE.get(bytewise) : null;
        } catch (IllegalAccessException closed) {
            return null;
        }
    }

    private static Field field(Class<?> type, String name) {
        try {
            Field field = type.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (ReflectiveOperationException | RuntimeException unknown) {
            LOG.warn("large states are restored slowly: {}", unknown.toString());
            return null;
        }
    }
}
