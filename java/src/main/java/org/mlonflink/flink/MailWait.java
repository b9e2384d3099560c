package org.mlonflink.flink;

import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.runtime.metrics.TimerGauge;

/**
 * How a task thread waits for mail. Flink takes for busy whatever it does not know to be something else; this tells it that
 * the task is idle, or back-pressured.
 */
final class MailWait {
    private final MailboxExecutor mailbox;
    private final TimerGauge time;

    /** What waits count as is one of the task's own timers. */
    MailWait(MailboxExecutor mailbox, TimerGauge time) {
        this.mailbox = mailbox;
        this.time = time;
    }

    /** Runs a mail, or waits for one and runs it. */
    void awaitMail() throws InterruptedException {
        if (mailbox.tryYield()) {
            return;
        }
        time.markStart();
        try {
            mailbox.yield();
        } finally {
            over();
        }
    }

    /** The wait is over; a mail that has work to do says so first. */
    void over() {
        time.markEnd();
    }
}
