package org.mlonflink.columns;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

import org.apache.flink.table.data.RowData;

import org.mlonflink.columns.FrameLayout.Block;
import org.mlonflink.columns.FrameLayout.Column;
import org.mlonflink.columns.FrameLayout.Kind;

/** Looks at a frame in place, row by row. */
public final class FrameDecoder {
    private static final int ABSENT = -1;

    private final FrameLayout layout;
    private final int buffers;
    private final ColumnView[] columns;
    private final ColumnarRow row;
    private ByteBuffer frame;
    private int rows;
    private int timestamps = ABSENT;

    /** A decoder of frames of the layout that Python planned. */
    public FrameDecoder(String layoutJson) {
        this(FrameLayout.parse(layoutJson));
    }

    private FrameDecoder(FrameLayout layout) {
        this.layout = layout;
        this.buffers = layout.buffers();
        this.columns = new ColumnView[layout.columns().size()];
        for (Block block : layout.blocks()) {
            for (Column column : block.columns()) {
                columns[column.field()] = new ColumnView(column, block);
            }
        }
        this.row = new ColumnarRow(columns, columns.length);
    }

    /**
     * Looks at the frame between the payload's position and limit, which must not change until the next call.
     *
     * @throws FrameException the frame does not follow the layout.
     */
    public void wrap(ByteBuffer payload) {
        rows = 0;
        frame = payload.slice().order(ByteOrder.LITTLE_ENDIAN);
        BufferTable table = new BufferTable(frame, buffers);
        int count = table.rows();
        try {
            timestamps = table.hasTimestamps() ? table.next(Math.multiplyExact(count, Long.BYTES)) : ABSENT;
            for (Block block : layout.blocks()) {
                wrap(block, table);
            }
        } catch (ArithmeticException overflow) {
            throw new FrameException("a frame of " + frame.limit() + " bytes cannot have " + count + " rows");
        }
        rows = count;
    }

    private void wrap(Block block, BufferTable table) {
        ColumnView first = columns[block.first().field()];
        if (block.kind() == Kind.BYTES || block.kind() == Kind.LIST) {
            first.variable(table, table.rows());
        } else if (block.kind() == Kind.VECTOR) {
            int width = block.first().requireElement().storage().width;
            first.vector(frame, table.next(product(table.rows(), block.width(), width)));
        } else {
            fixed(block, table);
        }
    }

    private void fixed(Block block, BufferTable table) {
        List<Column> members = block.columns();
        int width = block.first().storage().width;
        boolean isMatrix = block.kind() == Kind.MATRIX;
        int stride = FrameLayout.aligned(Math.multiplyExact(table.rows(), width));
        int slotStep = isMatrix ? width : stride;
        int rowStep = isMatrix ? members.size() * width : width;
        int length = isMatrix ? Math.multiplyExact(table.rows(), rowStep) : Math.multiplyExact(members.size(), stride);
        int at = table.next(length);
        for (Column column : members) {
            columns[column.field()].fixed(frame, at, rowStep);
            at += slotStep;
        }
        for (Column column : members) {
            if (column.nullable() && !isMatrix) {
                columns[column.field()].validity(table, table.rows());
            }
        }
    }

    private static int product(int rows, int columns, int width) {
        return Math.multiplyExact(Math.multiplyExact(rows, columns), width);
    }

    /** Rows of the frame. */
    public int rows() {
        return rows;
    }

    /** A view of the {@code index}-th row, the same object each time; valid until the next call of this or `wrap`. */
    public RowData row(int index) {
        row.moveTo(checked(index));
        return row;
    }

    /** A decoder that looks at a copy of such a frame, which nobody changes any more. */
    public FrameDecoder keep(ByteBuffer payload) {
        FrameDecoder kept = new FrameDecoder(layout);
        kept.wrap(ByteBuffer.allocate(payload.remaining()).put(payload.duplicate()).flip());
        return kept;
    }

    /** A row of its own, of the first {@code arity} columns; it lasts as long as this frame. */
    public RowData keptRow(int index, int arity) {
        ColumnarRow kept = new ColumnarRow(columns, arity);
        kept.moveTo(checked(index));
        return kept;
    }

    /** The timestamp of the {@code index}-th row in milliseconds, {@link Long#MIN_VALUE} if it has none. */
    public long timestamp(int index) {
        checked(index);
        return timestamps == ABSENT ? Long.MIN_VALUE : frame.getLong(timestamps + index * Long.BYTES);
    }

    private int checked(int index) {
        if (index < 0 || index >= rows) {
            throw new IndexOutOfBoundsException("row " + index + " of a frame of " + rows + " rows");
        }
        return index;
    }
}
