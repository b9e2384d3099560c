package org.mlonflink.tfrecord;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.src.util.ArrayResultIterator;
import org.apache.flink.connector.file.src.util.CheckpointedPosition;

/**
 * The records of whole files. It is a bulk format, not a stream format, because only this one is told the file's name,
 * which its errors give. The position in a checkpoint is a batch's offset in the uncompressed data, and the number of
 * records taken of it.
 */
public final class RecordFormat implements BulkFormat<byte[], FileSourceSplit> {
    private static final long serialVersionUID = 1L;
    private static final int BATCH_BYTES = 1 << 20;
    private static final int BATCH_RECORDS = 1024;

    @Override
    public Reader<byte[]> createReader(Configuration config, FileSourceSplit split) throws IOException {
        return new Batches(open(split));
    }

    @Override
    public Reader<byte[]> restoreReader(Configuration config, FileSourceSplit split) throws IOException {
        RecordReader records = open(split);
        try {
            CheckpointedPosition position = split.getReaderPosition().orElseThrow();
            records.resume(position.getOffset(), position.getRecordsAfterOffset());
            return new Batches(records);
        } catch (IOException | RuntimeException e) {
            records.close();
            throw e;
        }
    }

    @Override
    public boolean isSplittable() {
        return false;
    }

    @Override
    public TypeInformation<byte[]> getProducedType() {
        return PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;
    }

    private static RecordReader open(FileSourceSplit split) throws IOException {
        InputStream file = split.path().getFileSystem().open(split.path());
        try {
            return new RecordReader(file, split.path().toString());
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    private static final class Batches implements Reader<byte[]> {
        private final RecordReader records;

        Batches(RecordReader records) {
            this.records = records;
        }

        @Override
        public RecordIterator<byte[]> readBatch() throws IOException {
            long start = records.offset();
            List<byte[]> batch = new ArrayList<>();
            while (batch.size() < BATCH_RECORDS && records.offset() - start < BATCH_BYTES) {
                byte[] record = records.next();
                if (record == null) {
                    break;
                }
                batch.add(record);
            }
            if (batch.isEmpty()) {
                return null;
            }
            ArrayResultIterator<byte[]> result = new ArrayResultIterator<>();
            result.set(batch.toArray(byte[][]::new), batch.size(), start, 0);
            return result;
        }

        @Override
        public void close() throws IOException {
            records.close();
        }
    }
}
