/**
 * The byte queue between the JVM and a Python process: one producer, one consumer, a ring over a mapped file.
 *
 * <p>Neither end ever blocks. Where there is no room, or no frame, an end is <em>armed</em>; the peer then rings the
 * {@link org.mlonflink.queue.Doorbell} as soon as it is worth looking again. An end belongs to one thread at a time.
 */
package org.mlonflink.queue;
