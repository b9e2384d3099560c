package org.mlonflink.flink;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.typeutils.RowTypeInfo;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.api.bridge.java.internal.StreamTableEnvironmentImpl;
import org.apache.flink.table.api.internal.TableEnvironmentInternal;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.conversion.DataStructureConverter;
import org.apache.flink.table.data.conversion.DataStructureConverters;
import org.apache.flink.table.data.utils.ProjectedRowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.utils.DataTypeUtils;
import org.apache.flink.table.types.utils.TypeInfoDataTypeConverter;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/** Tables and DataStreams to streams of internal rows and back, timestamps and watermarks kept. */
public final class Streams {
    /** Flink's planner works on threads where a table environment was made, and Python calls us on any. */
    private static final ThreadLocal<Boolean> PLANS = ThreadLocal.withInitial(() -> false);

    /** The rows of an insert-only table. Flink refuses an updating one. */
    public DataStream<RowData> fromTable(StreamTableEnvironment tables, Table table) {
        if (!PLANS.get()) {
            StreamTableEnvironment.create(((StreamTableEnvironmentImpl) tables).execEnv());
            PLANS.set(true);
        }
        DataType type = DataTypeUtils.toInternalDataType(table.getResolvedSchema().toSourceRowDataType());
        return tables.toDataStream(table, type);
    }

    /** A table over rows; `rowtime` names the column that is its time attribute, or is null. */
    public Table toTable(StreamTableEnvironment tables, DataStream<RowData> rows, DataType type, String rowtime) {
        Schema.Builder schema = Schema.newBuilder().fromRowDataType(type);
        if (rowtime != null) {
            schema.watermark(rowtime, "SOURCE_WATERMARK()");
        }
        return tables.fromDataStream(rows, schema.build());
    }

    /** The table type of a DataStream's elements; an element that is no row is the one column "f0". */
    public DataType rowType(StreamTableEnvironment tables, TypeInformation<?> information) {
        DataType type = elementType(tables, information);
        return isRow(type) ? type : DataTypes.ROW(DataTypes.FIELD("f0", type));
    }

    /** The values of PyFlink's (key, value) rows, on the subtasks that their keys were sent to. */
    public DataStream<Object> values(DataStream<Row> keyed, int parallelism, String uid) {
        TypeInformation<Object> type = ((RowTypeInfo) keyed.getType()).getTypeAt(1);
        return keyed.map(pair -> pair.getField(1))
                .returns(type)
                .name("values")
                .uid(uid)
                .setParallelism(parallelism);
    }

    /** The elements of a DataStream as internal rows, on the subtasks that they are on. */
    public DataStream<RowData> fromStream(StreamTableEnvironment tables, DataStream<Object> stream, String uid) {
        DataType row = rowType(tables, stream.getType());
        boolean wrapped = !isRow(elementType(tables, stream.getType()));
        return stream.map(new ToRow(row, wrapped))
                .returns(InternalTypeInfo.of((RowType) row.getLogicalType()))
                .name("to rows")
                .uid(uid)
                .setParallelism(stream.getParallelism());
    }

    /** Internal rows as elements of `information`. */
    public <T> DataStream<T> toStream(
            StreamTableEnvironment tables, DataStream<RowData> rows, TypeInformation<T> information, String uid) {
        DataType type = elementType(tables, information);
        return rows.map(new FromRow<T>(rowType(tables, information), !isRow(type)))
                .returns(information)
                .name("from rows")
                .uid(uid)
                .setParallelism(rows.getParallelism());
    }

    /** The type of rows with one more column, a nullable BIGINT. */
    public DataType withNumber(DataType row, String column) {
        List<DataTypes.Field> fields = new ArrayList<>(DataType.getFields(row));
        fields.add(DataTypes.FIELD(column, DataTypes.BIGINT()));
        return DataTypes.ROW(fields).notNull();
    }

    /** Rows with the number that `control`, rows of one integer, sent last, as rows of `type`. */
    public DataStream<RowData> announced(
            DataStream<RowData> rows, DataStream<RowData> control, RowType controlType, DataType type, String uid) {
        DataStream<RowData> timeless = control.assignTimestampsAndWatermarks(
                        WatermarkStrategy.forGenerator(context -> new NoTime<RowData>()))
                .name("announcements")
                .uid(uid + "/timeless")
                .setParallelism(control.getParallelism());
        return rows.connect(timeless.broadcast(Announce.STATE))
                .process(new Announce(controlType.getTypeAt(0)), InternalTypeInfo.of((RowType) type.getLogicalType()))
                .name("announced")
                .uid(uid)
                .setParallelism(rows.getParallelism());
    }

    /** Of the rows in which column `flag` is null, or is not, the columns `kept`. */
    public DataStream<RowData> part(
            DataStream<RowData> rows, int flag, boolean isNull, int[] kept, DataType type, String uid) {
        return rows.flatMap(new Part(flag, isNull, kept))
                .returns(InternalTypeInfo.of((RowType) type.getLogicalType()))
                .name("part")
                .uid(uid)
                .setParallelism(rows.getParallelism());
    }

    private static DataType elementType(StreamTableEnvironment tables, TypeInformation<?> information) {
        return TypeInfoDataTypeConverter.toDataType(
                ((TableEnvironmentInternal) tables).getCatalogManager().getDataTypeFactory(), information);
    }

    private static boolean isRow(DataType type) {
        return type.getLogicalType().is(LogicalTypeRoot.ROW)
                || type.getLogicalType().is(LogicalTypeRoot.STRUCTURED_TYPE);
    }

    private static final class Part implements FlatMapFunction<RowData, RowData> {
        private static final long serialVersionUID = 1L;
        private final int flag;
        private final boolean isNull;
        private final int[] kept;

        Part(int flag, boolean isNull, int[] kept) {
            this.flag = flag;
            this.isNull = isNull;
            this.kept = kept;
        }

        @Override
        public void flatMap(RowData row, Collector<RowData> out) {
            if (row.isNullAt(flag) == isNull) {
                out.collect(ProjectedRowData.from(kept).replaceRow(row));
            }
        }
    }

    private static final class ToRow extends RichMapFunction<Object, RowData> {
        private static final long serialVersionUID = 1L;
        private final DataStructureConverter<Object, Object> converter;
        private final boolean wrapped;

        ToRow(DataType row, boolean wrapped) {
            this.converter = DataStructureConverters.getConverter(wrapped ? row.getChildren().get(0) : row);
            this.wrapped = wrapped;
        }

        @Override
        public void open(OpenContext context) {
            converter.open(getRuntimeContext().getUserCodeClassLoader());
        }

        @Override
        public RowData map(Object element) {
            Object internal = converter.toInternalOrNull(element);
            return wrapped ? GenericRowData.of(internal) : (RowData) internal;
        }
    }

    private static final class FromRow<T> extends RichMapFunction<RowData, T> {
        private static final long serialVersionUID = 1L;
        private final DataStructureConverter<Object, Object> converter;
        private final RowData.FieldGetter getter;

        FromRow(DataType row, boolean wrapped) {
            DataType element = wrapped ? row.getChildren().get(0) : row;
            this.converter = DataStructureConverters.getConverter(element);
            this.getter = wrapped ? RowData.createFieldGetter(element.getLogicalType(), 0) : null;
        }

        @Override
        public void open(OpenContext context) {
            converter.open(getRuntimeContext().getUserCodeClassLoader());
        }

        @Override
        @SuppressWarnings("unchecked")
        public T map(RowData row) {
            Object internal = getter == null ? row : getter.getFieldOrNull(row);
            return (T) converter.toExternalOrNull(internal);
        }
    }
}
