/**
 * The Flink end: the AM's source, the node operator, and the processes that they start and guard.
 *
 * <p>Nothing here knows states, policies or frameworks; those are Python. What is here moves rows, barriers and
 * watermarks between Flink's task thread and two byte queues, and ties the life of a process to that of a task.
 */
package org.mlonflink.flink;
