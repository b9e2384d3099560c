/**
 * The state of a node on its way into Flink's checkpoints and out of them: bytes that only its process understands.
 *
 * <p>Into a checkpoint they go from shared memory ({@link org.mlonflink.state.SharedState}) while the process goes on;
 * out of one they come into a file ({@link org.mlonflink.state.RestoredState}) until the process takes them over.
 * {@link org.mlonflink.state.NodeStateSerializer} says how they lie in a checkpoint. Neither is ever whole in the
 * JVM's memory.
 */
package org.mlonflink.state;
