package org.mlonflink.columns;

/** How a value lies in a frame; DECIMAL and TIMESTAMP have entries of their own, as rows have for them. */
enum Storage {
    BOOL(1),
    INT8(1),
    INT16(2),
    INT32(4),
    DATE(4), // and TIME: an int everywhere but in Flink's arrays of primitives
    INT64(8),
    FLOAT32(4),
    FLOAT64(8),
    TIMESTAMP(8),
    DECIMAL64(8),
    DECIMAL128(16),
    STRING(0),
    BINARY(0),
    LIST(0);

    private static final int MAX_COMPACT_PRECISION = 18;

    /** Bytes of a value; 0 if that varies. */
    final int width;

    Storage(int width) {
        this.width = width;
    }

    /** The storage of a SQL type, by the name of its root. */
    static Storage of(String root, int precision) {
        return switch (root) {
            case "BOOLEAN" -> BOOL;
            case "TINYINT" -> INT8;
            case "SMALLINT" -> INT16;
            case "INT" -> INT32;
            case "DATE", "TIME" -> DATE;
            case "BIGINT" -> INT64;
            case "FLOAT" -> FLOAT32;
            case "DOUBLE" -> FLOAT64;
            case "TIMESTAMP", "TIMESTAMP_LTZ" -> TIMESTAMP;
            case "DECIMAL" -> precision <= MAX_COMPACT_PRECISION ? DECIMAL64 : DECIMAL128;
            case "CHAR", "VARCHAR" -> STRING;
            case "BINARY", "VARBINARY" -> BINARY;
            case "ARRAY" -> LIST;
            default -> throw new FrameException("a layout holds the unknown type " + root);
        };
    }

    /** Whether null has a form of its own, NaN. */
    boolean isFloat() {
        return this == FLOAT32 || this == FLOAT64;
    }
}
