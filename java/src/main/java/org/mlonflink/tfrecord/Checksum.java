package org.mlonflink.tfrecord;

import java.util.zip.CRC32C;

/** The checksum of TFRecord files: a CRC-32C, masked so that data which holds checksums itself is checked as well. */
final class Checksum {
    static final int BYTES = 4;
    private static final int MASK_DELTA = 0xa282ead8;

    private Checksum() {}

    static int of(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return Integer.rotateRight((int) crc.getValue(), 15) + MASK_DELTA;
    }
}
