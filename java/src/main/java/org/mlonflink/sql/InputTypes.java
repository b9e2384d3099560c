package org.mlonflink.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeUtils;
import org.mlonflink.node.NodeFailure;

/**
 * Whether values have the types that INPUT declares. Flink lets by a column that could be cast to that, and does not
 * cast it; the type of a column does not change, so the first value of each tells. Of the elements of an array nothing
 * can be told.
 */
final class InputTypes {
    private final String model;
    private final RowType declared;
    private final List<Integer> unseen;

    InputTypes(String model, RowType declared) {
        this.model = model;
        this.declared = declared;
        this.unseen = new ArrayList<>(
                IntStream.range(0, declared.getFieldCount()).boxed().toList());
    }

    /**
     * Looks at the values of columns that only had nulls so far.
     *
     * @throws NodeFailure one is of another type; the message names the column and the remedy.
     */
    void check(GenericRowData row) throws NodeFailure {
        for (int at = unseen.size() - 1; at >= 0; at--) {
            Object value = row.getField(unseen.get(at));
            if (value != null) {
                check(declared.getFields().get(unseen.get(at)), value);
                unseen.remove(at);
            }
        }
    }

    private void check(RowType.RowField column, Object value) throws NodeFailure {
        if (!fits(column.getType(), value)) {
            throw new NodeFailure("model " + model + ": INPUT declares '" + column.getName() + "' as "
                    + column.getType().asSummaryString() + ", and gets " + told(value)
                    + ", which Flink does not cast: CAST it in the query, or declare it in INPUT as it is");
        }
    }

    private static boolean fits(LogicalType type, Object value) {
        if (value instanceof DecimalData decimal && type instanceof DecimalType wanted) {
            return decimal.scale() == wanted.getScale();
        }
        return LogicalTypeUtils.toInternalConversionClass(type).isInstance(value);
    }

    private static String told(Object value) {
        String type = value.getClass().getSimpleName();
        return value instanceof DecimalData decimal ? type + " of scale " + decimal.scale() : type;
    }
}
