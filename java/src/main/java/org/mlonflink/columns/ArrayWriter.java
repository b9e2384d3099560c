package org.mlonflink.columns;

import java.util.List;

import org.apache.flink.table.data.ArrayData;

import org.mlonflink.columns.FrameLayout.Column;

/** Takes the elements of arrays. */
interface ArrayWriter {
    /** The writer of the elements of a column of arrays of any length. */
    static ArrayWriter of(Column element) {
        return element.storage().width == 0
                ? new VariableElements(element)
                : new FixedElements(element, new GrowingBuffer.Values());
    }

    /** Whether there are elements that have no place. */
    default boolean isChoosy() {
        return false;
    }

    /** Throws a {@link FrameException} if an element of {@code array} has no place. */
    default void check(ArrayData array) {}

    /** Takes every element of {@code array}. */
    void append(ArrayData array);

    /** Elements in the frame so far. */
    int count();

    /** The buffers of the elements, in order. */
    List<FrameBuffer> buffers();
}
