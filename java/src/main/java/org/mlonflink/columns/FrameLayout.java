package org.mlonflink.columns;

import java.util.ArrayList;
import java.util.List;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;

/** The plan of a frame, as Python wrote it. */
record FrameLayout(List<Column> columns, List<Block> blocks, boolean timestamps, int maxRows) {
    static final int ALIGNMENT = 64;
    static final int HEADER_BYTES = 16;
    static final int HAS_TIMESTAMPS = 1;

    /** The physical forms of one or more columns. */
    enum Kind {
        COLUMNS,
        MATRIX,
        VECTOR,
        BYTES,
        LIST
    }

    /** A column, or the elements of one of arrays; {@code field} is its index in a row. */
    record Column(String name, int field, Storage storage, boolean nullable, int precision, int scale, Column element) {
        /** What the elements of an array lie as. */
        Column requireElement() {
            if (element == null) {
                throw new FrameException("column '" + name + "' is not an array");
            }
            return element;
        }
    }

    /** Columns that lie together; {@code width} is that of a tensor. */
    record Block(Kind kind, List<Column> columns, int width) {
        Column first() {
            return columns.get(0);
        }

        /** Number of buffers in a frame. */
        int buffers() {
            return switch (kind) {
                case COLUMNS -> 1 + (int) columns.stream().filter(Column::nullable).count();
                case MATRIX, VECTOR -> 1;
                case BYTES -> 3;
                case LIST -> 2 + (first().requireElement().storage().width == 0 ? 3 : 2);
            };
        }
    }

    static FrameLayout parse(String json) {
        try {
            JsonNode layout = new ObjectMapper().readTree(json);
            List<Column> columns = new ArrayList<>();
            for (JsonNode column : layout.required("columns")) {
                columns.add(column(column.required("name").asText(), columns.size(), column.required("type")));
            }
            List<Block> blocks = new ArrayList<>();
            for (JsonNode block : layout.required("blocks")) {
                blocks.add(block(block, columns));
            }
            boolean timestamps = layout.required("timestamps").asBoolean();
            return new FrameLayout(columns, blocks, timestamps, layout.required("max_rows").asInt());
        } catch (JsonProcessingException | IllegalArgumentException error) {
            throw new FrameException("a layout that cannot be read: " + error.getMessage());
        }
    }

    private static Column column(String name, int field, JsonNode type) {
        int precision = type.path("precision").asInt();
        JsonNode element = type.get("element");
        return new Column(
                name,
                field,
                Storage.of(type.required("root").asText(), precision),
                type.required("nullable").asBoolean(),
                precision,
                type.path("scale").asInt(),
                element == null ? null : column(name + "[]", 0, element));
    }

    private static Block block(JsonNode block, List<Column> columns) {
        List<Column> members = new ArrayList<>();
        for (JsonNode field : block.required("fields")) {
            members.add(columns.get(field.asInt()));
        }
        Kind kind = Kind.valueOf(block.required("kind").asText().toUpperCase(java.util.Locale.ROOT));
        return new Block(kind, members, block.required("width").asInt());
    }

    /** Number of buffers of a frame without timestamps. */
    int buffers() {
        return blocks.stream().mapToInt(Block::buffers).sum();
    }

    /** {@code size} rounded up to the alignment of buffers. */
    static int aligned(int size) {
        return Math.addExact(size, ALIGNMENT - 1) & -ALIGNMENT;
    }
}
