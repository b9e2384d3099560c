package org.mlonflink.node;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.FileChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.mlonflink.queue.Doorbell;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The JVM's side of a node's doorbell: listens for the user's process, which may be started several times, and tells
 * of every ring, and when it can hear no more.
 *
 * <p>Threads: one thread of its own accepts and reads, and calls {@code onRing}. {@link #ring} may be called from any
 * thread and never blocks.
 */
public final class Bell implements Doorbell, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Bell.class);

    private static final int MAX_ADDRESS_BYTES = 107; // sun_path has 108, one of them for the end

    private final ServerSocketChannel server;
    private final Selector selector;
    private final Runnable onRing;
    private final Consumer<NodeFailure> onBroken;
    private final Thread thread;
    private final ByteBuffer one = ByteBuffer.wrap(new byte[] {1});

    private volatile SocketChannel peer;

    /** Listens at `path` once it is told to start. */
    public Bell(Path path, String name, Runnable onRing, Consumer<NodeFailure> onBroken) throws IOException {
        this.onRing = onRing;
        this.onBroken = onBroken;
        this.selector = Selector.open();
        this.server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            bind(path);
            server.configureBlocking(false);
            server.register(selector, SelectionKey.OP_ACCEPT);
        } catch (IOException error) {
            close();
            throw error;
        }
        this.thread = new Thread(this::listen, name + " doorbell");
        thread.setDaemon(true);
    }

    /** A folder for temporary files may have a longer path than a socket's address: then by the folder's descriptor. */
    private void bind(Path path) throws IOException {
        if (path.toString().getBytes().length <= MAX_ADDRESS_BYTES) {
            server.bind(UnixDomainSocketAddress.of(path));
            return;
        }
        try (FileChannel folder = FileChannel.open(path.getParent(), StandardOpenOption.READ);
                Stream<Path> opened = Files.list(Path.of("/proc/self/fd"))) {
            Path descriptor = opened.filter(fd -> leadsTo(fd, path.getParent()))
                    .findFirst()
                    .orElseThrow(() -> new IOException(folder + " is not among this process's files"));
            server.bind(UnixDomainSocketAddress.of(descriptor.resolve(path.getFileName())));
        }
    }

    private static boolean leadsTo(Path descriptor, Path folder) {
        try {
            return Files.isSameFile(descriptor, folder);
        } catch (IOException closedMeanwhile) {
            return false;
        }
    }

    /** Begins to listen; whoever {@code onRing} tells must be there. */
    public void start() {
        thread.start();
    }

    @Override
    public synchronized void ring() {
        SocketChannel channel = peer;
        if (channel == null) {
            return;
        }
        try {
            one.clear();
            channel.write(one);
        } catch (IOException ignored) {
            // The process is gone; its end is read by the listening thread.
            return;
        }
    }

    private void listen() {
        ByteBuffer rings = ByteBuffer.allocate(256);
        try {
            while (selector.isOpen()) {
                selector.select();
                for (SelectionKey key : selector.selectedKeys()) {
                    if (key.isAcceptable()) {
                        accept();
                    } else {
                        read(key, rings);
                    }
                }
                selector.selectedKeys().clear();
                onRing.run();
            }
        } catch (ClosedSelectorException | CancelledKeyException closed) {
            LOG.debug("doorbell closed");
        } catch (IOException | RuntimeException | Error error) {
            LOG.warn("doorbell broken", error);
            onBroken.accept(new NodeFailure("the doorbell of a node is broken: " + error));
        }
    }

    private void accept() throws IOException {
        SocketChannel channel = server.accept();
        if (channel == null) {
            return;
        }
        channel.configureBlocking(false);
        channel.register(selector, SelectionKey.OP_READ);
        peer = channel;
        ring(); // frames and waits words from before it was there
    }

    private void read(SelectionKey key, ByteBuffer rings) throws IOException {
        SocketChannel channel = (SocketChannel) key.channel();
        rings.clear();
        int count;
        try {
            count = channel.read(rings);
        } catch (IOException reset) {
            count = -1;
        }
        if (count < 0) {
            key.cancel();
            channel.close();
            if (peer == channel) {
                peer = null;
            }
        }
    }

    @Override
    public void close() throws IOException {
        selector.close();
        server.close();
        SocketChannel channel = peer;
        if (channel != null) {
            channel.close();
        }
    }
}
