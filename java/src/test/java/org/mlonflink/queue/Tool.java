package org.mlonflink.queue;

import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.zip.CRC32;

/**
 * Runs the ends of a byte queue from a command line, to try them against those of another process.
 *
 * <pre>
 * golden  QUEUE                        makes a queue whose bytes are the same in every language
 * produce QUEUE BELL COUNT MAX SEED    listens on BELL, sends COUNT frames of up to MAX bytes, reports
 * consume QUEUE BELL                   connects to BELL, reads to the end of the stream, reports
 * echo    IN OUT BELL                  connects to BELL, sends every frame back
 * </pre>
 *
 * <p>A report is one line with the number of frames, the bytes of their payloads and the CRC-32 of kinds and payloads.
 * The exit code is 3 when the peer was lost.
 */
public final class Tool {
    private static final int PEER_LOST = 3;
    private static final int PERIOD = 251;

    private Tool() {}

    public static void main(String[] args) throws IOException {
        Report report = new Report();
        try {
            switch (args[0]) {
                case "golden" -> golden(Path.of(args[1]));
                case "produce" -> produce(
                        Path.of(args[1]),
                        Path.of(args[2]),
                        Integer.parseInt(args[3]),
                        Integer.parseInt(args[4]),
                        Long.parseLong(args[5]),
                        report);
                case "consume" -> consume(Path.of(args[1]), Path.of(args[2]), report);
                case "echo" -> echo(Path.of(args[1]), Path.of(args[2]), Path.of(args[3]));
                default -> throw new IllegalArgumentException("no command " + args[0]);
            }
            System.out.println(report);
        } catch (EOFException lost) {
            System.out.println(report);
            System.exit(PEER_LOST);
        }
    }

    private static void golden(Path path) throws IOException {
        Doorbell silent = () -> {};
        try (QueueFile file = QueueFile.create(path, Layout.MIN_CAPACITY)) {
            Producer producer = new Producer(file, silent);
            Consumer consumer = new Consumer(file, silent);
            producer.offer(FrameKind.BATCH, pattern(0, 1000));
            producer.claim(FrameKind.WATERMARK, Long.BYTES).putLong(0, -2);
            producer.commit();
            producer.offer(FrameKind.BATCH, pattern(1, 1024));
            producer.offer(FrameKind.BATCH, pattern(2, 900));
            for (int i = 0; i < 3; i++) {
                consumer.poll();
                consumer.release();
            }
            producer.offer(FrameKind.BATCH, pattern(3, 1500)); // two records behind padding
            producer.offer(FrameKind.END, ByteBuffer.allocate(0));
            producer.close();
        }
    }

    private static void produce(Path queue, Path bellPath, int count, int max, long seed, Report report)
            throws IOException {
        try (QueueFile file = QueueFile.open(queue);
                SocketBell bell = SocketBell.listen(bellPath);
                Producer producer = new Producer(file, bell)) {
            long state = seed;
            for (int i = 0; i < count; i++) {
                state = state * 6364136223846793005L + 1442695040888963407L;
                int bound = i % 4 == 0 ? max : max / 64;
                boolean control = i % 10 == 9;
                int kind = control ? FrameKind.WATERMARK : FrameKind.BATCH;
                ByteBuffer payload = control
                        ? ByteBuffer.allocate(Long.BYTES).putLong(0, Long.reverseBytes(-i))
                        : pattern(i, (int) ((state >>> 33) % (bound + 1)));
                report.add(kind, payload);
                send(producer, bell, kind, payload);
            }
        }
    }

    private static void consume(Path queue, Path bellPath, Report report) throws IOException {
        try (QueueFile file = QueueFile.open(queue);
                SocketBell bell = SocketBell.connect(bellPath);
                Consumer consumer = new Consumer(file, bell)) {
            while (awaitFrame(consumer, bell)) {
                report.add(consumer.kind(), consumer.payload());
                consumer.release();
            }
        }
    }

    private static void echo(Path in, Path out, Path bellPath) throws IOException {
        try (QueueFile inFile = QueueFile.open(in);
                QueueFile outFile = QueueFile.open(out);
                SocketBell bell = SocketBell.connect(bellPath);
                Consumer consumer = new Consumer(inFile, bell);
                Producer producer = new Producer(outFile, bell)) {
            while (awaitFrame(consumer, bell)) {
                send(producer, bell, consumer.kind(), consumer.payload());
                consumer.release();
            }
        }
    }

    /** Sends one frame in place if it fits a record, else by copying; waits for room. */
    private static void send(Producer producer, SocketBell bell, int kind, ByteBuffer payload) throws IOException {
        if (payload.remaining() > producer.maxRecord()) {
            while (!producer.offer(kind, payload)) {
                awaitRoom(producer, bell, payload.remaining());
            }
            return;
        }
        ByteBuffer target = producer.claim(kind, payload.remaining());
        while (target == null) {
            awaitRoom(producer, bell, payload.remaining());
            target = producer.claim(kind, payload.remaining());
        }
        target.put(payload);
        producer.commit();
    }

    private static void awaitRoom(Producer producer, SocketBell bell, int length) throws IOException {
        while (!producer.armForRoom(length)) {
            if (producer.isConsumerClosed()) {
                throw new IllegalStateException("the queue was closed by its consumer");
            }
            bell.await();
        }
    }

    /** Waits for the next frame; false at the end of the stream. */
    private static boolean awaitFrame(Consumer consumer, SocketBell bell) throws IOException {
        while (!consumer.poll()) {
            if (!consumer.arm()) {
                if (consumer.isEndOfStream()) {
                    return false;
                }
                awaitOrDrain(consumer, bell);
            }
        }
        return true;
    }

    /** A peer that has gone is lost only when nothing of what it did before is left. */
    private static void awaitOrDrain(Consumer consumer, SocketBell bell) throws IOException {
        try {
            bell.await();
        } catch (EOFException lost) {
            if (!consumer.arm() && !consumer.isEndOfStream()) {
                throw lost;
            }
        }
    }

    private static ByteBuffer pattern(int start, int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) ((start + i) % PERIOD);
        }
        return ByteBuffer.wrap(bytes);
    }

    /** What was sent or received. */
    private static final class Report {
        private final CRC32 crc = new CRC32();
        private long frames;
        private long bytes;

        void add(int kind, ByteBuffer payload) {
            frames++;
            bytes += payload.remaining();
            crc.update(kind);
            crc.update(payload.duplicate());
        }

        @Override
        public String toString() {
            return "frames=" + frames + " bytes=" + bytes + " crc=" + Long.toHexString(crc.getValue());
        }
    }

    /** A doorbell that its only thread can also wait on. */
    private static final class SocketBell implements Doorbell, AutoCloseable {
        private final SocketChannel channel;
        private final Selector selector;
        private final ByteBuffer one = ByteBuffer.wrap(new byte[] {1});
        private final ByteBuffer rings = ByteBuffer.allocateDirect(4096);

        private SocketBell(SocketChannel channel) throws IOException {
            this.channel = channel;
            this.selector = Selector.open();
            channel.configureBlocking(false);
            channel.register(selector, SelectionKey.OP_READ);
        }

        static SocketBell listen(Path path) throws IOException {
            try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                server.bind(UnixDomainSocketAddress.of(path));
                System.out.println("listening");
                return new SocketBell(server.accept());
            }
        }

        static SocketBell connect(Path path) throws IOException {
            return new SocketBell(SocketChannel.open(UnixDomainSocketAddress.of(path)));
        }

        @Override
        public void ring() {
            try {
                channel.write(one.clear());
            } catch (IOException gone) {
                one.clear(); // the next wait says so
            }
        }

        void await() throws IOException {
            selector.select();
            selector.selectedKeys().clear();
            int count;
            try {
                count = channel.read(rings.clear());
            } catch (IOException reset) {
                count = -1;
            }
            if (count < 0) {
                throw new EOFException("the process at the other end has gone without closing the queue");
            }
        }

        @Override
        public void close() throws IOException {
            selector.close();
            channel.close();
        }
    }
}
