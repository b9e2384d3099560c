/**
 * Models behind SQL's {@code CREATE MODEL} and {@code ML_PREDICT}: the second door to the processes that score rows.
 *
 * <p>{@link org.mlonflink.sql.ModelFactory} is what Flink finds; Python plans a model, as it plans roles
 * ({@code ml_framework.sql}); a {@link org.mlonflink.sql.ModelProcess} is a node without an application master, which rows
 * go to and scores come from through the same queues.
 */
package org.mlonflink.sql;
