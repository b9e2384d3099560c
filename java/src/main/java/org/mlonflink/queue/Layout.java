package org.mlonflink.queue;

/**
 * Where everything lies in a byte queue's file, as in {@code layout.py}; all integers are little-endian.
 *
 * <pre>
 * offset   size   field                  written by
 * 0        8      magic "MLFQUEUE"       creator
 * 8        4      version                creator
 * 16       8      capacity in bytes      creator     a power of two
 * 64       8      tail                   producer    bytes ever published
 * 128      8      head                   consumer    bytes ever released
 * 192      4      producer waits         producer    1 while it wants to hear of room
 * 256      4      consumer waits         consumer    1 while it wants to hear of frames
 * 320      4      producer closed        producer    1 after a clean close
 * 384      4      consumer closed        consumer    1 after a clean close
 * 4096     capacity  the ring
 * </pre>
 *
 * <p>A <em>record</em> begins at a multiple of 64 and never wraps; a padding record fills the end of the ring where the
 * next one would not fit:
 *
 * <pre>
 *  0        4        6        8                       64                  64 + length
 * +--------+--------+--------+-----------------------+-------------------+- - - - - - - -+
 * | length | kind   | flags  | not written           | payload           | up to n * 64  |
 * +--------+--------+--------+-----------------------+-------------------+- - - - - - - -+
 * </pre>
 *
 * <p>Positions (tail, head) grow for ever; the index into the ring is {@code position & (capacity - 1)}. Words that
 * different processes write lie in cache lines of their own.
 *
 * <p><em>Publish rule</em>: write header and payload, then store the tail with release; the consumer loads the tail with
 * acquire, reads, then stores the head with release.
 */
final class Layout {
    /** "MLFQUEUE", read as a little-endian number. */
    static final long MAGIC = 0x4555_4555_5146_4c4dL;

    static final int VERSION = 1;

    static final int VERSION_OFFSET = 8;
    static final int CAPACITY_OFFSET = 16;
    static final int TAIL = 64;
    static final int HEAD = 128;
    static final int PRODUCER_WAITS = 192;
    static final int CONSUMER_WAITS = 256;
    static final int PRODUCER_CLOSED = 320;
    static final int CONSUMER_CLOSED = 384;

    static final int HEADER_BYTES = 4096;
    static final int MIN_CAPACITY = 4096;
    /** The largest power of two that can be mapped in one piece, header included. */
    static final int MAX_CAPACITY = 1 << 30;

    static final int ALIGNMENT = 64;
    /** Size of a record's header. */
    static final int RECORD_BYTES = 64;

    static final int KIND_OFFSET = 4;
    static final int FLAGS_OFFSET = 6;

    /** Kind of a record that fills the end of the ring. */
    static final int PADDING = 0;
    /** Flag of the first record of a frame. */
    static final int FIRST = 1;
    /** Flag of the last record of a frame. */
    static final int LAST = 2;

    static final int WHOLE = FIRST | LAST;

    private Layout() {}

    /** Bytes that a record with a payload of {@code length} bytes takes. */
    static int recordSize(int length) {
        return RECORD_BYTES + ((length + ALIGNMENT - 1) & -ALIGNMENT);
    }

    /** Longest payload of one record; a longer frame is several records. */
    static int maxRecord(int capacity) {
        return capacity / 4;
    }

    static boolean isCapacity(long number) {
        return number >= MIN_CAPACITY && number <= MAX_CAPACITY && Long.bitCount(number) == 1;
    }
}
