import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.LongPredicate;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.MutableRecordBatch;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.common.utils.BufferSupplier;

/**
 * Writes batches of the Java client and of Apache Kafka's log cleaner, or shows what Java reads in a batch.
 *
 *     java -cp 'libs/*' e2e/tools/KafkaBatches.java write crates/kafka/tests/golden_batches
 *     java -cp 'libs/*' e2e/tools/KafkaBatches.java read FILE...       one line a record, as in a .records file
 *
 * libs: kafka-clients 4.1.1 with zstd-jni, lz4-java, snappy-java and slf4j-api. The records are those of the .records files,
 * which kafka_batches.py has written before.
 */
public class KafkaBatches {
    static final HexFormat HEX = HexFormat.of();
    static final Map<String, List<String>> CASES = Map.of(
        "none", List.of("edges"), "gzip", List.of("many", "blocks"), "snappy", List.of("edges", "many", "blocks"),
        "lz4", List.of("edges", "many", "blocks"), "zstd", List.of("edges", "many"));
    static Path folder;

    record Entry(long timestamp, byte[] key, byte[] value, Header[] headers) {}

    public static void main(String[] arguments) throws Exception {
        folder = Path.of(arguments[1]);
        if (arguments[0].equals("read")) {
            for (int i = 1; i < arguments.length; i++) read(Path.of(arguments[i]));
            return;
        }
        for (String name : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            for (String records : CASES.get(name)) {
                boolean idempotent = records.equals("edges");
                write(name, records, build(name, records, TimestampType.CREATE_TIME, idempotent), idempotent);
            }
        }
        write("none", "appended", build("none", "edges", TimestampType.LOG_APPEND_TIME, false), false);
        for (ControlRecordType type : List.of(ControlRecordType.ABORT, ControlRecordType.COMMIT)) {
            EndTransactionMarker marker = new EndTransactionMarker(type, 9);
            MemoryRecords end = MemoryRecords.withEndTransactionMarker(77, 1_700_000_000_000L, 5, 4001, (short) 3, marker);
            write("none", "marker-" + type.name().toLowerCase(), end.buffer(), true);
        }
        // What stays has no tombstones, so no horizon is set; the horizon is that of the tombstone among the even ones.
        compact("zstd", "living", 0, offset -> offset % 3 != 2);
        compact("none", "living", 0, offset -> offset % 3 != 2);
        compact("lz4", "emptied", 0, offset -> false);
        compact("none", "horizon", 1_800_000_000_000L, offset -> offset % 2 == 0);
    }

    static ByteBuffer build(String codec, String records, TimestampType type, boolean idempotent) throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
        MemoryRecordsBuilder builder = MemoryRecords.builder(buffer, RecordBatch.MAGIC_VALUE_V2, Compression.of(codec).build(),
            type, 0L, type == TimestampType.LOG_APPEND_TIME ? 1_700_000_000_777L : RecordBatch.NO_TIMESTAMP,
            idempotent ? 4001L : -1L, idempotent ? (short) 3 : -1, idempotent ? 77 : -1, idempotent, -1);
        long offset = 0;
        for (Entry entry : entries(records)) {
            builder.appendWithOffset(offset++, entry.timestamp, entry.key, entry.value, entry.headers);
        }
        return builder.build().buffer();
    }

    /** What the log cleaner leaves of the edges if it retains these offsets, tombstones until the horizon. */
    static void compact(String codec, String name, long horizon, LongPredicate retained) throws Exception {
        MemoryRecords source = MemoryRecords.readableRecords(build(codec, "edges", TimestampType.CREATE_TIME, true));
        ByteBuffer out = ByteBuffer.allocate(1 << 20);
        source.filterTo(new MemoryRecords.RecordFilter(horizon, 0) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false);
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return retained.test(record.offset());
            }
        }, out, BufferSupplier.NO_CACHING);
        out.flip();
        write(codec, "cleaned-" + name, out, true);
    }

    static void write(String codec, String records, ByteBuffer buffer, boolean idempotent) throws Exception {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        String client = "java " + AppInfoParser.getVersion();
        StringBuilder text = new StringBuilder("# " + client + "\n");
        int number = List.of("none", "gzip", "snappy", "lz4", "zstd").indexOf(codec);
        text.append(String.format("h codec=%d transactional=%d producer=%d epoch=%d sequence=%d%n", number, idempotent ? 1 : 0,
            idempotent ? 4001 : -1, idempotent ? 3 : -1, idempotent ? (records.startsWith("marker") ? -1 : 77) : -1));
        for (int at = 0; at < bytes.length; at += 58) {
            text.append("b ").append(HEX.formatHex(bytes, at, Math.min(bytes.length, at + 58))).append('\n');
        }
        String name = client.replace(' ', '-') + "-" + codec + "-" + records + ".batch";
        Files.writeString(folder.resolve(name), text);
        System.out.println(name + " " + bytes.length);
    }

    static List<Entry> entries(String name) throws Exception {
        List<Entry> entries = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve(name + ".records"))) {
            String[] parts = line.split(" ");
            Header[] headers = new Header[parts.length - 3];
            for (int i = 3; i < parts.length; i++) {
                String[] header = parts[i].split(":");
                headers[i - 3] = new RecordHeader(new String(bytes(header[0]), StandardCharsets.UTF_8), bytes(header[1]));
            }
            entries.add(new Entry(Long.parseLong(parts[0]), bytes(parts[1]), bytes(parts[2]), headers));
        }
        return entries;
    }

    static byte[] bytes(String text) {
        if (text.equals("-")) return null;
        String[] parts = text.substring(1).split("\\*");
        return HEX.parseHex(parts[0].repeat(parts.length > 1 ? Integer.parseInt(parts[1]) : 1));
    }

    static void read(Path file) throws Exception {
        StringBuilder hex = new StringBuilder();
        for (String line : Files.readAllLines(file)) {
            if (line.startsWith("b ")) hex.append(line.substring(2));
        }
        MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(HEX.parseHex(hex)));
        for (MutableRecordBatch batch : records.batches()) {
            batch.ensureValid();
            for (Record record : batch) {
                StringBuilder line = new StringBuilder();
                line.append(record.timestamp()).append(' ').append(text(record.key())).append(' ').append(text(record.value()));
                for (Header header : record.headers()) {
                    line.append(' ').append(text(ByteBuffer.wrap(header.key().getBytes(StandardCharsets.UTF_8)))).append(':');
                    line.append(text(header.value() == null ? null : ByteBuffer.wrap(header.value())));
                }
                System.out.println(line);
            }
        }
    }

    static String text(ByteBuffer buffer) {
        if (buffer == null) return "-";
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return "x" + HEX.formatHex(bytes);
    }
}
