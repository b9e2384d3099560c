package org.mlonflink.columns;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.RowDataSerializer;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;

/**
 * Reads frames that Python wrote, copies their rows as Flink does, and writes frames of the copies.
 *
 * <p>Both files are a sequence of parts, each a big-endian length and so many bytes. In: the layout to read by, the
 * layout to write by, the types of the columns (one a line), then frames, and so on for the next case after an empty
 * part. Out: for each frame those of copied rows, then those of rows that went through serialisation, or the message
 * of what was thrown.
 */
public final class RoundTrip {
    private RoundTrip() {}

    /** Arguments: the file to read, the file to write. */
    public static void main(String[] args) throws IOException {
        try (DataInputStream in = new DataInputStream(Files.newInputStream(Path.of(args[0])));
                DataOutputStream out = new DataOutputStream(Files.newOutputStream(Path.of(args[1])))) {
            while (in.available() > 0) {
                Case frames = new Case(text(in), text(in), text(in));
                for (byte[] frame = part(in); frame.length > 0; frame = part(in)) {
                    frames.answer(frame, out);
                }
            }
        }
    }

    private static byte[] part(DataInputStream in) throws IOException {
        return in.readNBytes(in.readInt());
    }

    private static String text(DataInputStream in) throws IOException {
        return new String(part(in), StandardCharsets.UTF_8);
    }

    /** The frames of one layout. */
    private static final class Case {
        private final FrameDecoder decoder;
        private final FrameEncoder encoder;
        private final RowDataSerializer serializer;

        Case(String readLayout, String writeLayout, String types) {
            decoder = new FrameDecoder(readLayout);
            encoder = new FrameEncoder(writeLayout);
            ClassLoader loader = RoundTrip.class.getClassLoader();
            serializer = new RowDataSerializer(Arrays.stream(types.split("\n"))
                    .map(type -> LogicalTypeParser.parse(type, loader))
                    .toArray(LogicalType[]::new));
        }

        void answer(byte[] frame, DataOutputStream out) throws IOException {
            ByteBuffer payload = ByteBuffer.allocateDirect(frame.length + 1).order(ByteOrder.LITTLE_ENDIAN);
            payload.position(1).put(frame).position(1); // frames may begin anywhere
            try {
                decoder.wrap(payload);
                copy(false, out);
                copy(true, out);
            } catch (FrameException refused) {
                encoder.clear();
                write(refused.getMessage().getBytes(StandardCharsets.UTF_8), out);
            }
        }

        private void copy(boolean serialize, DataOutputStream out) throws IOException {
            for (int index = 0; index < decoder.rows(); index++) {
                if (encoder.isFull()) {
                    write(written(), out);
                }
                RowData row = decoder.row(index);
                encoder.append(serialize ? serialized(row) : serializer.copy(row), decoder.timestamp(index));
            }
            write(written(), out);
        }

        private byte[] written() {
            byte[] frame = new byte[encoder.size()];
            ByteBuffer target = ByteBuffer.allocateDirect(frame.length + 8).order(ByteOrder.LITTLE_ENDIAN);
            fillWithOnes(target); // what is in the ring is written over, padding too
            target.position(8);
            encoder.writeTo(target);
            encoder.clear();
            if (target.hasRemaining()) {
                throw new IllegalStateException("the frame ends " + target.remaining() + " bytes early");
            }
            target.get(8, frame);
            return frame;
        }

        private RowData serialized(RowData row) throws IOException {
            DataOutputSerializer bytes = new DataOutputSerializer(64);
            serializer.serialize(row, bytes);
            return serializer.deserialize(new DataInputDeserializer(bytes.getSharedBuffer(), 0, bytes.length()));
        }

        private static void fillWithOnes(ByteBuffer target) {
            while (target.hasRemaining()) {
                target.put((byte) -1);
            }
        }

        private static void write(byte[] part, DataOutputStream out) throws IOException {
            out.writeInt(part.length);
            out.write(part);
        }
    }
}
