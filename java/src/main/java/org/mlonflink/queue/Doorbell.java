package org.mlonflink.queue;

/** Wakes the process at the other end of a queue. */
@FunctionalInterface
public interface Doorbell {
    /**
     * Sends one byte, which means "look again". Never blocks and never throws: where the socket is full, the bytes in
     * it say the same; where nobody is there, nobody needs to wake.
     */
    void ring();
}
