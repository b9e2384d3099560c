package org.mlonflink.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The words and records of a mapped queue, with the order of loads and stores that the publish rule asks for. */
final class Ring {
    private static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    final int capacity;
    final int maxRecord;
    private final ByteBuffer bytes;

    Ring(QueueFile file) {
        this.bytes = file.bytes();
        this.capacity = file.capacity();
        this.maxRecord = Layout.maxRecord(capacity);
    }

    // ---------------------------------------------------------------------------------------------- words

    long position(int word) {
        return (long) LONG.getAcquire(bytes, word);
    }

    void position(int word, long value) {
        LONG.setRelease(bytes, word, value);
    }

    boolean isSet(int word) {
        return (int) INT.getAcquire(bytes, word) != 0;
    }

    void set(int word, boolean value) {
        INT.setRelease(bytes, word, value ? 1 : 0);
    }

    /** Says that this end waits; what it looks at after that is not older. */
    void arm(int waits) {
        set(waits, true);
        VarHandle.fullFence();
    }

    /** After a publish or a release: wakes the peer if its word says that it waits. */
    void wake(int peerWaits, Doorbell bell) {
        VarHandle.fullFence();
        if (isSet(peerWaits)) {
            set(peerWaits, false);
            bell.ring();
        }
    }

    // ---------------------------------------------------------------------------------------------- records

    int index(long position) {
        return (int) position & (capacity - 1);
    }

    void header(int index, int length, int kind, int flags) {
        int at = Layout.HEADER_BYTES + index;
        bytes.putInt(at, length);
        bytes.putShort(at + Layout.KIND_OFFSET, (short) kind);
        bytes.putShort(at + Layout.FLAGS_OFFSET, (short) flags);
    }

    int length(int index) {
        return bytes.getInt(Layout.HEADER_BYTES + index);
    }

    int kind(int index) {
        return bytes.getShort(Layout.HEADER_BYTES + index + Layout.KIND_OFFSET) & 0xffff;
    }

    int flags(int index) {
        return bytes.getShort(Layout.HEADER_BYTES + index + Layout.FLAGS_OFFSET) & 0xffff;
    }

    ByteBuffer payload(int index, int length) {
        int at = Layout.HEADER_BYTES + index + Layout.RECORD_BYTES;
        return bytes.slice(at, length).order(ByteOrder.LITTLE_ENDIAN);
    }
}
