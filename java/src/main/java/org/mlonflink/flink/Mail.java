package org.mlonflink.flink;

import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.util.function.ThrowingRunnable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Something to be done on the task thread, however often it is asked for before it is done. {@link #post} may be called
 * by any thread; a task that is over gets no mail.
 */
final class Mail {
    private static final Logger LOG = LoggerFactory.getLogger(Mail.class);

    private final MailboxExecutor mailbox;
    private final ThrowingRunnable<Exception> body;
    private final String description;
    private final AtomicBoolean posted = new AtomicBoolean();

    Mail(MailboxExecutor mailbox, ThrowingRunnable<Exception> body, String description) {
        this.mailbox = mailbox;
        this.body = body;
        this.description = description;
    }

    void post() {
        if (posted.compareAndSet(false, true)) {
            try {
                mailbox.execute(this::run, description);
            } catch (RejectedExecutionException over) {
                LOG.debug("the task is over: {}", description);
            }
        }
    }

    private void run() throws Exception {
        posted.set(false);
        body.run();
    }
}
