package org.mlonflink.node;

import java.time.Duration;

/** Waiting that an interruption does not end, but that does not forget it either. */
public final class Uninterrupted {
    private Uninterrupted() {}

    /** Something that can be waited for, so many nanoseconds; false when they have passed first. */
    public interface Wait {
        boolean within(long nanos) throws InterruptedException;
    }

    /** Waits for `limit` at the longest; false when it has passed first. */
    public static boolean within(Duration limit, Wait wait) {
        long deadline = System.nanoTime() + limit.toNanos();
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return wait.within(deadline - System.nanoTime());
                } catch (InterruptedException again) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
