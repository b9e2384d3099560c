package org.mlonflink.columns;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.binary.BinaryArrayData;

import org.mlonflink.columns.FrameLayout.Column;

/** Elements of a fixed width. */
final class FixedElements implements ArrayWriter {
    private final Column element;
    private final Storage storage;
    private final GrowingBuffer values;
    private final Validity validity = new Validity(this::count);

    FixedElements(Column element, GrowingBuffer values) {
        this.element = element;
        this.storage = element.storage();
        this.values = values;
    }

    /** Whether an element of {@code array} is null. */
    static boolean anyNull(ArrayData array) {
        if (array instanceof BinaryArrayData binary) {
            return binary.anyNull();
        }
        if (array instanceof GenericArrayData generic && generic.isPrimitiveArray()) {
            return false;
        }
        for (int index = 0; index < array.size(); index++) {
            if (array.isNullAt(index)) {
                return true;
            }
        }
        return false;
    }

    @Override
    public boolean isChoosy() {
        return Timestamps.isChoosy(element);
    }

    @Override
    public void check(ArrayData array) {
        for (int index = 0; index < array.size(); index++) {
            if (!array.isNullAt(index)) {
                Timestamps.toLong(array.getTimestamp(index, element.precision()), element);
            }
        }
    }

    @Override
    public void append(ArrayData array) {
        int first = count();
        int at = values.reserve(Math.multiplyExact(array.size(), storage.width));
        if (anyNull(array) || !putAll(array, at)) {
            for (int index = 0; index < array.size(); index++, at += storage.width) {
                if (array.isNullAt(index)) {
                    validity.setNull(first + index);
                    putNull(at);
                } else {
                    put(array, index, at);
                }
            }
        }
    }

    /** Copies the types of which arrays are long; false for the others. */
    private boolean putAll(ArrayData array, int at) {
        ByteBuffer target = ByteBuffer.wrap(values.bytes(), at, values.size() - at).order(ByteOrder.LITTLE_ENDIAN);
        switch (storage) {
            case FLOAT32 -> target.asFloatBuffer().put(array.toFloatArray());
            case FLOAT64 -> target.asDoubleBuffer().put(array.toDoubleArray());
            case INT32 -> target.asIntBuffer().put(array.toIntArray());
            case INT64 -> target.asLongBuffer().put(array.toLongArray());
            default -> {
                return false;
            }
        }
        return true;
    }

    private void put(ArrayData array, int index, int at) {
        byte[] bytes = values.bytes();
        switch (storage) {
            case BOOL -> bytes[at] = (byte) (array.getBoolean(index) ? 1 : 0);
            case INT8 -> bytes[at] = array.getByte(index);
            case INT16 -> Bytes.SHORT.set(bytes, at, array.getShort(index));
            case INT32, DATE -> Bytes.INT.set(bytes, at, array.getInt(index));
            case INT64 -> Bytes.LONG.set(bytes, at, array.getLong(index));
            case FLOAT32 -> Bytes.FLOAT.set(bytes, at, array.getFloat(index));
            case FLOAT64 -> Bytes.DOUBLE.set(bytes, at, array.getDouble(index));
            case TIMESTAMP -> ObjectValues.put(bytes, at, element, array.getTimestamp(index, element.precision()));
            default -> ObjectValues.put(
                    bytes, at, element, array.getDecimal(index, element.precision(), element.scale()));
        }
    }

    private void putNull(int at) {
        switch (storage) {
            case FLOAT32 -> Bytes.FLOAT.set(values.bytes(), at, Float.NaN);
            case FLOAT64 -> Bytes.DOUBLE.set(values.bytes(), at, Double.NaN);
            default -> ObjectValues.putZero(values.bytes(), at, storage);
        }
    }

    @Override
    public int count() {
        return values.size() / storage.width;
    }

    @Override
    public List<FrameBuffer> buffers() {
        return List.of(values, validity);
    }
}
