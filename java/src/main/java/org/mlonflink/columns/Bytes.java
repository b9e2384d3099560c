package org.mlonflink.columns;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Little-endian numbers in byte arrays, in which frames are put together. */
final class Bytes {
    static final VarHandle SHORT = view(short[].class);
    static final VarHandle INT = view(int[].class);
    static final VarHandle LONG = view(long[].class);
    static final VarHandle FLOAT = view(float[].class);
    static final VarHandle DOUBLE = view(double[].class);

    private static final int INT128 = 16;
    private static final byte[] ZEROS = new byte[FrameLayout.ALIGNMENT];

    private Bytes() {}

    private static VarHandle view(Class<?> type) {
        return MethodHandles.byteArrayViewVarHandle(type, ByteOrder.LITTLE_ENDIAN);
    }

    /** Puts a big-endian two's complement number at {@code at} as 128 bits. */
    static void putInt128(byte[] target, int at, byte[] number) {
        int size = number.length;
        for (int index = 0; index < size; index++) {
            target[at + index] = number[size - 1 - index];
        }
        Arrays.fill(target, at + size, at + INT128, (byte) (number[0] < 0 ? -1 : 0));
    }

    /** The 128 bits at {@code at} as a big-endian two's complement number. */
    static byte[] getInt128(ByteBuffer source, int at) {
        byte[] number = new byte[INT128];
        for (int index = 0; index < INT128; index++) {
            number[INT128 - 1 - index] = source.get(at + index);
        }
        return number;
    }

    /** Puts zeros from {@code at} up to {@code end}, less than the alignment away. */
    static void pad(ByteBuffer target, int at, int end) {
        target.put(at, ZEROS, 0, end - at);
    }
}
