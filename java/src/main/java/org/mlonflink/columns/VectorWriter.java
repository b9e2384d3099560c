package org.mlonflink.columns;

import java.util.List;

import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.RowData;

import org.mlonflink.columns.FrameLayout.Block;
import org.mlonflink.columns.FrameLayout.Column;

/** A column of arrays that all have the same number of elements. */
final class VectorWriter extends BlockWriter {
    private final GrowingBuffer values = new GrowingBuffer();
    private final Column column;
    private final FixedElements elements;
    private final int width;

    VectorWriter(Block block) {
        this.column = block.first();
        this.elements = new FixedElements(column.requireElement(), values);
        this.width = block.width();
    }

    @Override
    boolean isChoosy() {
        return true;
    }

    @Override
    void check(RowData row) {
        if (column.nullable() && row.isNullAt(column.field())) {
            throw refusal("is null", "use COALESCE in SQL");
        }
        ArrayData array = row.getArray(column.field());
        if (array.size() != width) {
            throw refusal("has an array of " + array.size() + " elements", "give the group its true width");
        }
        if (!column.requireElement().storage().isFloat() && FixedElements.anyNull(array)) {
            throw refusal("has a null element", "use COALESCE in SQL");
        }
    }

    @Override
    void append(RowData row, int index, boolean nulls) {
        elements.append(row.getArray(column.field()));
    }

    private FrameException refusal(String what, String remedy) {
        return new FrameException(
                "column '" + column.name() + "' " + what + ", its group is a vector of " + width + ": " + remedy);
    }

    @Override
    List<FrameBuffer> buffers() {
        return List.of(values);
    }
}
