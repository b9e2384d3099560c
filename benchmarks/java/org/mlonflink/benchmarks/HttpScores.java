package org.mlonflink.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.functions.async.ResultFuture;
import org.apache.flink.streaming.api.functions.async.RichAsyncFunction;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;

/** Asks a server for the score of each row, its last column aside, which comes back beside the score. */
final class HttpScores extends RichAsyncFunction<RowData, RowData> {
    private static final long serialVersionUID = 1L;
    private static final ObjectMapper JSON = new ObjectMapper();
    private final RowType type;
    private final URI uri;
    private transient HttpClient client;

    HttpScores(RowType type, URI uri) {
        this.type = type;
        this.uri = uri;
    }

    @Override
    public void open(OpenContext context) {
        client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    }

    @Override
    public void asyncInvoke(RowData row, ResultFuture<RowData> result) throws IOException {
        long stamp = row.getLong(type.getFieldCount() - 1);
        HttpRequest request = HttpRequest.newBuilder(uri)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofByteArray(json(row)))
                .build();
        client.sendAsync(request, BodyHandlers.ofByteArray())
                .thenApply(HttpScores::score)
                .whenComplete((score, error) -> {
                    if (error == null) {
                        result.complete(List.of(GenericRowData.of(stamp, score)));
                    } else {
                        result.completeExceptionally(error);
                    }
                });
    }

    private byte[] json(RowData row) throws IOException {
        ObjectNode values = JSON.createObjectNode();
        for (int column = 0; column < type.getFieldCount() - 1; column++) {
            String name = type.getFieldNames().get(column);
            if (row.isNullAt(column)) {
                values.putNull(name);
                continue;
            }
            switch (type.getTypeAt(column).getTypeRoot()) {
                case INTEGER -> values.put(name, row.getInt(column));
                case FLOAT -> values.put(name, row.getFloat(column));
                default -> values.put(name, row.getString(column).toString());
            }
        }
        return JSON.writeValueAsBytes(values);
    }

    private static float score(HttpResponse<byte[]> response) {
        if (response.statusCode() != 200) {
            throw new IllegalStateException("the server answers " + response.statusCode());
        }
        try {
            return JSON.readTree(response.body()).get("score").floatValue();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
