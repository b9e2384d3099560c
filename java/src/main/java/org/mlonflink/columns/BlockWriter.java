package org.mlonflink.columns;

import java.util.List;
import java.util.function.IntSupplier;

import org.apache.flink.table.data.RowData;

import org.mlonflink.columns.FrameLayout.Block;

/** Takes the columns of one block out of rows. */
abstract class BlockWriter {
    /** The writer of {@code block}, for frames of at most {@code maxRows}; {@code rows} tells how many there are. */
    static BlockWriter of(Block block, int maxRows, IntSupplier rows) {
        return switch (block.kind()) {
            case COLUMNS, MATRIX -> new FixedWriter(block, maxRows, rows);
            case VECTOR -> new VectorWriter(block);
            case BYTES -> new BytesWriter(block.first());
            case LIST -> new ListWriter(block.first(), rows);
        };
    }

    /** Whether there are values of the types of its columns for which the block has no place. */
    boolean isChoosy() {
        return false;
    }

    /** Throws a {@link FrameException} if the block has no place for a value of this row; the rest is taken. */
    void check(RowData row) {}

    /** Takes the {@code index}-th row of the frame; {@code nulls} is false if none of its fields is null. */
    abstract void append(RowData row, int index, boolean nulls);

    /** The block's buffers, in order. */
    abstract List<FrameBuffer> buffers();
}
