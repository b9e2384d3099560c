package org.mlonflink.benchmarks;

import org.apache.flink.table.data.RowData;

/** Counts the scores that are not those of the row in their place; the rows are (BIGINT, FLOAT). */
final class Scores implements Receipt.Look {
    private static final long serialVersionUID = 1L;
    /** Batches of other sizes add up floats in another order. */
    private static final float TOLERANCE = 1e-5f;

    private final float[] truth;
    private final boolean numbered;
    private long seen;
    private long wrong;

    /**
     * @param file the score of each distinct row, one a line
     * @param numbered whether the first column has to be the number of the row
     */
    Scores(String file, boolean numbered) {
        this.numbered = numbered;
        var lines = PreparedRows.lines(file);
        truth = new float[lines.size()];
        for (int index = 0; index < truth.length; index++) {
            truth[index] = Float.parseFloat(lines.get(index));
        }
    }

    @Override
    public void row(RowData row) {
        float difference = Math.abs(row.getFloat(1) - truth[(int) (seen % truth.length)]);
        boolean inPlace = !numbered || row.getLong(0) == seen;
        wrong += difference <= TOLERANCE && inPlace && !row.isNullAt(1) ? 0 : 1;
        seen++;
    }

    @Override
    public String json() {
        return "\"wrong\": " + wrong;
    }
}
