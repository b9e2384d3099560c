package org.mlonflink.columns;

import java.util.List;

import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.binary.BinarySegmentUtils;
import org.apache.flink.table.data.binary.BinaryStringData;

/** Values of variable length, one after the other. */
final class VariableBytes {
    private final GrowingBuffer.Offsets offsets = new GrowingBuffer.Offsets();
    private final GrowingBuffer data = new GrowingBuffer();
    private final Validity validity = new Validity(offsets::count);

    void addNull() {
        validity.setNull(offsets.count());
        offsets.add(data.size());
    }

    void add(StringData value) {
        BinaryStringData string = (BinaryStringData) value;
        string.ensureMaterialized();
        int length = string.getSizeInBytes();
        int at = data.reserve(length);
        BinarySegmentUtils.copyToBytes(string.getSegments(), string.getOffset(), data.bytes(), at, length);
        offsets.add(data.size());
    }

    void add(byte[] value) {
        int at = data.reserve(value.length);
        System.arraycopy(value, 0, data.bytes(), at, value.length);
        offsets.add(data.size());
    }

    int count() {
        return offsets.count();
    }

    List<FrameBuffer> buffers() {
        return List.of(validity, offsets, data);
    }
}
