package org.mlonflink.columns;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.binary.BinaryRowData;

import org.mlonflink.columns.FrameLayout.Block;

/**
 * Collects rows and writes them as one frame. Rows are staged column by column, or as the rows of a matrix, in arrays
 * of which a frame is a few bulk copies. After an exception only {@link #clear} is allowed.
 */
public final class FrameEncoder {
    /** A frame is full with this many bytes of strings and arrays, whatever its rows. */
    public static final int MAX_VARIABLE_BYTES = 1 << 20;

    private final BlockWriter[] writers;
    private final BlockWriter[] choosy;
    private final FrameBuffer[] buffers;
    private final GrowingBuffer[] variable;
    private final GrowingBuffer timestamps;
    private final int maxRows;
    private final int headerBytes;
    private int rows;

    /** An encoder of frames of the layout that Python planned. */
    public FrameEncoder(String layoutJson) {
        FrameLayout layout = FrameLayout.parse(layoutJson);
        List<BlockWriter> blocks = new ArrayList<>();
        List<BlockWriter> checked = new ArrayList<>();
        List<FrameBuffer> all = new ArrayList<>();
        for (Block block : layout.blocks()) {
            BlockWriter writer = BlockWriter.of(block, layout.maxRows(), this::rows);
            blocks.add(writer);
            if (writer.isChoosy()) {
                checked.add(writer);
            }
            all.addAll(writer.buffers());
        }
        this.variable = all.stream()
                .filter(GrowingBuffer.class::isInstance)
                .map(GrowingBuffer.class::cast)
                .toArray(GrowingBuffer[]::new);
        this.timestamps = layout.timestamps() ? new GrowingBuffer() : null;
        if (timestamps != null) {
            all.add(0, timestamps);
        }
        this.writers = blocks.toArray(BlockWriter[]::new);
        this.choosy = checked.toArray(BlockWriter[]::new);
        this.buffers = all.toArray(FrameBuffer[]::new);
        this.maxRows = layout.maxRows();
        this.headerBytes = FrameLayout.aligned(FrameLayout.HEADER_BYTES + 2 * Integer.BYTES * buffers.length);
    }

    /**
     * Looks whether a row fits: behind that it is appended without an exception.
     *
     * @throws FrameException a value does not fit its column, or it has no place in its group.
     */
    public void check(RowData row) {
        for (BlockWriter writer : choosy) {
            writer.check(row);
        }
    }

    /**
     * Adds a row that fits, which is copied. Its timestamp is in milliseconds, {@link Long#MIN_VALUE} for none.
     *
     * @throws FrameException a value does not fit its column, or it has no place in its group.
     */
    public void append(RowData row, long timestamp) {
        if (rows == maxRows) {
            throw new IllegalStateException("the frame has " + rows + " rows, as many as fit: write it first");
        }
        check(row);
        boolean nulls = !(row instanceof BinaryRowData binary) || binary.anyNull();
        for (BlockWriter writer : writers) {
            writer.append(row, rows, nulls);
        }
        if (timestamps != null) {
            int at = timestamps.reserve(Long.BYTES);
            Bytes.LONG.set(timestamps.bytes(), at, timestamp);
        }
        rows++;
    }

    /** Rows in the frame so far. */
    public int rows() {
        return rows;
    }

    /** Whether the frame should be written before another row is added. */
    public boolean isFull() {
        long bytes = 0;
        for (GrowingBuffer buffer : variable) {
            bytes += buffer.size();
        }
        return rows == maxRows || bytes >= MAX_VARIABLE_BYTES;
    }

    /** Bytes of the frame, a multiple of 64. */
    public int size() {
        int size = headerBytes;
        for (FrameBuffer buffer : buffers) {
            size = Math.addExact(size, FrameLayout.aligned(buffer.length()));
        }
        return size;
    }

    /** Writes the frame at the target's position, which moves behind it. */
    public void writeTo(ByteBuffer target) {
        ByteBuffer frame = target.slice().order(ByteOrder.LITTLE_ENDIAN);
        frame.putInt(rows);
        frame.putInt(timestamps == null ? 0 : FrameLayout.HAS_TIMESTAMPS);
        frame.putInt(buffers.length);
        frame.putInt(0);
        int at = headerBytes;
        for (FrameBuffer buffer : buffers) {
            int length = buffer.length();
            frame.putInt(length == 0 ? 0 : at);
            frame.putInt(length);
            if (length > 0) {
                buffer.write(frame, at);
                at += FrameLayout.aligned(length);
            }
        }
        Bytes.pad(frame, frame.position(), headerBytes);
        target.position(target.position() + at);
    }

    /** Begins the next frame. */
    public void clear() {
        for (FrameBuffer buffer : buffers) {
            buffer.clear();
        }
        rows = 0;
    }
}
