package narumq.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.abort;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A compacted topic, read by the Java client: what is left is told once, whatever offset the reader begins at. */
class CompactionTest extends KafkaTest {
    private static final int RECORDS = 1000;
    private static final int KEYS = 7;

    private BrokerProcess broker;

    @Override
    String address() throws Exception {
        if (BrokerProcess.EXTERNAL != null) {
            String reason = "CompactionTest NOT RUN: how often a broker looks for what to compact is its own setting;"
                    + " set NARUMQ_BIN to run it";
            System.err.println(reason);
            abort(reason);
        }
        broker = BrokerProcess.start("--compaction-interval", "50");
        return broker.bootstrap();
    }

    @AfterEach
    @Override
    void disconnect() throws Exception {
        super.disconnect();
        if (broker != null) {
            broker.close();
        }
    }

    @Test
    void theLastValueOfEachKeyIsLeftAtItsOffset() throws Exception {
        String topic = topic(1, Map.of(
                "cleanup.policy", "compact", "segment.ms", "200", "min.cleanable.dirty.ratio", "0.001"));
        var producer = producer(Map.of("linger.ms", 5, "batch.size", 300, "compression.type", "lz4"));
        for (int i = 0; i < RECORDS; i++) {
            producer.send(new ProducerRecord<>(topic, bytes("key " + i % KEYS), bytes(String.valueOf(i))));
        }
        producer.flush();
        List<Long> last = LongStream.range(RECORDS - KEYS, RECORDS).boxed().toList();
        await(last, () -> {
            // With one more record a segment ends.
            get(producer.send(new ProducerRecord<>(topic, bytes("end"), bytes("of a segment"))));
            return offsets(topic, 0);
        });
        for (long from : List.of(1L, 500L, (long) RECORDS - KEYS - 1, (long) RECORDS - KEYS)) {
            assertEquals(last, offsets(topic, from), "from " + from);
        }
        assertEquals(last.subList(2, KEYS), offsets(topic, RECORDS - KEYS + 2));
        broker.kill();
        broker.restart();
        assertEquals(last, offsets(topic, 0));
    }

    /** The offsets of the records from an offset on, those left out with which segments end. */
    private List<Long> offsets(String topic, long from) {
        var partition = at(topic, 0);
        var found = new ArrayList<Long>();
        try (Consumer<byte[], byte[]> consumer = consumer(Map.of())) {
            consumer.assign(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            consumer.seek(partition, from);
            while (consumer.position(partition) < end) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> found.add(record.offset()));
            }
        }
        found.removeIf(offset -> offset >= RECORDS);
        return found;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }
}
