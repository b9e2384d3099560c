package org.mlonflink.node;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.slf4j.Logger;

/**
 * A Python process of ours: JSON lines in on its standard input, events out on its standard output, its log on
 * standard error. The end of its standard input tells it that this JVM is gone, however that came about.
 *
 * <p>Threads: {@link #send} may be called from any thread. The listener is called from one reader thread, with every
 * event in order and then once with its exit, after the last event. Another listener may take its place while the
 * process has nothing to say.
 */
public final class GuardedProcess implements AutoCloseable {
    /** Gets what the process says. */
    public interface Listener {
        void event(JsonNode event);

        /** `how` it ended, in words. */
        void exited(String how);
    }

    /** A child of the process may hold its log open. */
    private static final long LAST_WORDS_MILLIS = 500;

    private final Process process;
    private final Writer input;
    private final Duration grace;
    private final Thread logging;
    private volatile String lastWords = "";
    private volatile Listener listener;

    /** Runs a Python module, by `python -m`. */
    public GuardedProcess(
            String name, Interpreter python, String module, Duration grace, Logger log, Listener listener)
            throws IOException {
        ProcessBuilder builder = new ProcessBuilder(python.path(), "-m", module);
        builder.environment().putAll(python.variables());
        builder.directory(python.directory() == null ? null : python.directory().toFile());
        this.process = builder.start();
        this.grace = grace;
        this.listener = listener;
        this.input = new BufferedWriter(new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8));
        this.logging = daemon(name + " log", () -> lines(process.getErrorStream(), line -> {
            lastWords = line;
            log.info("{}", line);
        }));
        daemon(name + " events", () -> readEvents(log));
    }

    /** Has everything that the process says from now on go to `next`. */
    void listenWith(Listener next) {
        listener = next;
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Sends one message; a process that is gone does not hear it, which its exit tells. */
    public synchronized void send(JsonNode message) {
        try {
            input.write(Json.line(message));
            input.write('\n');
            input.flush();
        } catch (IOException ignored) {
            // The pipe is broken because the process ended; the listener hears of its exit.
            return;
        }
    }

    /** Asks the process by `message` to end, and gives it its grace to do so before it is closed. */
    public void stop(JsonNode message) {
        send(message);
        waitForExit(grace);
        close();
    }

    /** Ends the process: says that its parent goes by ending its standard input, waits for its grace, then kills. */
    @Override
    public void close() {
        synchronized (this) {
            try {
                input.close();
            } catch (IOException ignored) {
                // Broken pipe: it has ended already.
            }
        }
        if (!waitForExit(grace)) {
            process.destroyForcibly();
            waitForExit(Duration.ofSeconds(5));
        }
    }

    private boolean waitForExit(Duration limit) {
        return Uninterrupted.within(limit, nanos -> process.waitFor(nanos, TimeUnit.NANOSECONDS));
    }

    private interface LineConsumer {
        void accept(String line);
    }

    private void readEvents(Logger log) {
        try {
            lines(process.getInputStream(), line -> tell(line, log));
        } catch (RuntimeException | Error error) {
            log.error("what a process said could not be heard", error);
            process.destroy(); // nobody hears any more what it says
        }
        tellExit();
    }

    private void tell(String line, Logger log) {
        JsonNode event;
        try {
            event = Json.object(line);
        } catch (UncheckedIOException | ClassCastException noEvent) {
            log.info("{}", line);
            return;
        }
        listener.event(event);
    }

    private void tellExit() {
        try {
            int code = process.waitFor();
            logging.join(LAST_WORDS_MILLIS);
            listener.exited(Exit.describe(code, lastWords));
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private static void lines(InputStream stream, LineConsumer consumer) {
        try (BufferedReader reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                consumer.accept(line);
            }
        } catch (IOException ignored) {
            // The stream was closed with the process.
            return;
        }
    }

    private static Thread daemon(String name, Runnable body) {
        Thread thread = new Thread(body, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }
}
