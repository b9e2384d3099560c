package org.mlonflink.benchmarks;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.utils.DataTypeUtils;

/** What the benchmark calls to plan the two ends of a job: the rows, and what is left of them. */
public final class Bench {
    /** A table of so many rows of a type, as fast as it is read. */
    public Table rows(StreamExecutionEnvironment env, StreamTableEnvironment tables, DataType type, long count) {
        return generated(env, tables, type, count, new Generator((RowType) type.getLogicalType()));
    }

    /** A table of so many rows of a type, one each interval, the last column being the time it was due at. */
    public Table pacedRows(
            StreamExecutionEnvironment env, StreamTableEnvironment tables, DataType type, long count, long nanos) {
        return generated(env, tables, type, count, new PacedGenerator((RowType) type.getLogicalType(), nanos));
    }

    private static Table generated(
            StreamExecutionEnvironment env,
            StreamTableEnvironment tables,
            DataType type,
            long count,
            MapFunction<Long, RowData> generator) {
        DataStream<RowData> rows = env.fromSource(
                        new NumberSequenceSource(0, count - 1), WatermarkStrategy.noWatermarks(), "numbers")
                .map(generator)
                .returns(InternalTypeInfo.of((RowType) type.getLogicalType()))
                .name("rows");
        return tables.fromDataStream(rows, Schema.newBuilder().fromRowDataType(type).build());
    }

    /** Adds up every value of a table. */
    public void sum(StreamTableEnvironment tables, Table table, long count, String file) {
        DataType type = table.getResolvedSchema().toPhysicalRowDataType();
        receive(tables, table, new Sum((RowType) type.getLogicalType()), count, file);
    }

    /** Compares answers with what the rows of type `question` add up to. */
    public void answers(StreamTableEnvironment tables, Table table, DataType question, long count, String file) {
        receive(tables, table, new Answers((RowType) question.getLogicalType()), count, file);
    }

    /** Looks how old the times in the first column are, but for the first `skipped`. */
    public void latency(StreamTableEnvironment tables, Table table, int skipped, int count, String file) {
        receive(tables, table, new Latency(skipped, count - skipped), count, file);
    }

    private static void receive(
            StreamTableEnvironment tables, Table table, Receipt.Look look, long count, String file) {
        DataType internal = DataTypeUtils.toInternalDataType(table.getResolvedSchema().toPhysicalRowDataType());
        DataStream<RowData> rows = tables.toDataStream(table, internal);
        rows.sinkTo(new Receipt(look, count, file)).name("receipt");
    }
}
