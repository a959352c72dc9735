package narumq.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Utils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The Java producer: codecs, all parts of a record, acks, idempotence, refusals. */
class ProduceTest extends KafkaTest {
    @ParameterizedTest
    @ValueSource(strings = {"none", "gzip", "snappy", "lz4", "zstd"})
    void everyCodecComesBack(String codec) throws Exception {
        String topic = topic(1);
        String[] sent = IntStream.range(0, 100).mapToObj(i -> ("value " + i + " ").repeat(50)).toArray(String[]::new);
        send(producer(Map.of("compression.type", codec, "linger.ms", 20)), topic, 0, sent);
        assertEquals(List.of(sent), read(topic, 0, 100));
    }

    @Test
    void everyPartOfARecordComesBack() throws Exception {
        String topic = topic(1);
        var record = new ProducerRecord<>(topic, 0, HOUR_AGO + 123, new byte[] {0, -1}, "value".getBytes(UTF_8));
        byte[] binary = new byte[256];
        IntStream.range(0, 256).forEach(i -> binary[i] = (byte) i);
        record.headers().add("plain", "text".getBytes(UTF_8)).add("twice", new byte[] {1});
        record.headers().add("twice", new byte[] {2}).add("null", null).add("binary", binary).add("", new byte[0]);
        RecordMetadata told = get(producer(Map.of()).send(record));
        assertEquals(0, told.offset());
        assertEquals(HOUR_AGO + 123, told.timestamp());
        var consumer = consumer(Map.of());
        consumer.assign(List.of(at(topic, 0)));
        var got = take(consumer, 1).get(0);
        assertArrayEquals(new byte[] {0, -1}, got.key());
        assertEquals("value", new String(got.value(), UTF_8));
        assertEquals(HOUR_AGO + 123, got.timestamp());
        assertEquals(TimestampType.CREATE_TIME, got.timestampType());
        assertEquals(record.headers(), got.headers());
        assertTrue(got.leaderEpoch().isPresent());
    }

    @Test
    void nothingIsNotTheSameAsEmpty() throws Exception {
        String topic = topic(1);
        var producer = producer(Map.of());
        byte[] empty = {};
        for (byte[][] pair : new byte[][][] {{{1}, null}, {{1}, empty}, {null, {2}}, {empty, {2}}}) {
            get(producer.send(new ProducerRecord<>(topic, pair[0], pair[1])));
        }
        var consumer = consumer(Map.of());
        consumer.assign(List.of(at(topic, 0)));
        var got = take(consumer, 4);
        assertNull(got.get(0).value());
        assertEquals(0, got.get(1).value().length);
        assertNull(got.get(2).key());
        assertEquals(0, got.get(3).key().length);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "1", "all"})
    void everyKindOfAcks(String acks) throws Exception {
        String topic = topic(1);
        var told = send(producer(Map.of("acks", acks, "enable.idempotence", false)), topic, 0, "a", "b", "c");
        assertEquals(!acks.equals("0"), told.get(2).hasOffset());
        assertEquals(List.of("a", "b", "c"), read(topic, 0, 3));
    }

    @Test
    void anIdempotentProducerKeepsItsOrder() throws Exception {
        String topic = topic(1);
        var producer = producer(Map.of("batch.size", 200, "linger.ms", 0)); // idempotent, as it is by default
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
            sent.add(producer.send(new ProducerRecord<>(topic, String.valueOf(i).getBytes(UTF_8))));
        }
        for (int i = 0; i < 2000; i++) {
            assertEquals(i, get(sent.get(i)).offset());
        }
        assertEquals(IntStream.range(0, 2000).mapToObj(String::valueOf).toList(), read(topic, 0, 2000));
    }

    @Test
    void keysChooseThePartition() throws Exception {
        String topic = topic(7);
        var producer = producer(Map.of());
        for (int i = 0; i < 30; i++) {
            byte[] key = ("key-" + i).getBytes(UTF_8);
            int expected = Utils.toPositive(Utils.murmur2(key)) % 7;
            assertEquals(expected, get(producer.send(new ProducerRecord<>(topic, key, key))).partition());
        }
    }

    @Test
    void aTopicIsMadeWhenFirstWritten() throws Exception {
        String topic = unique("made");
        assertEquals(0, send(producer(Map.of()), topic, 0, "first").get(0).offset());
        assertEquals(List.of("first"), read(topic, 0, 1));
        get(admin.deleteTopics(List.of(topic)).all());
    }

    @Test
    void logAppendTimeIsTheBrokers() throws Exception {
        String topic = topic(1, Map.of("message.timestamp.type", "LogAppendTime"));
        var told = get(producer(Map.of()).send(new ProducerRecord<>(topic, 0, 1000L, null, new byte[] {1})));
        assertTrue(told.timestamp() > HOUR_AGO);
        var consumer = consumer(Map.of());
        consumer.assign(List.of(at(topic, 0)));
        var got = take(consumer, 1).get(0);
        assertEquals(TimestampType.LOG_APPEND_TIME, got.timestampType());
        assertEquals(told.timestamp(), got.timestamp());
    }

    @Test
    void tooLargeForTheTopic() throws Exception {
        String topic = topic(1, Map.of("max.message.bytes", "10000"));
        var producer = producer(Map.of());
        refused(RecordTooLargeException.class, producer.send(new ProducerRecord<>(topic, new byte[20_000])));
        assertEquals(0, get(producer.send(new ProducerRecord<>(topic, new byte[100]))).offset());
    }

    @Test
    void tooLargeForTheClient() throws Exception {
        var future = producer(Map.of()).send(new ProducerRecord<>(topic(1), new byte[1_100_000]));
        refused(RecordTooLargeException.class, future);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a b", "a/b", "..", "ä"})
    void badNamesAreRefused(String name) {
        var future = producer(Map.of("max.block.ms", 5000)).send(new ProducerRecord<>(name, new byte[1]));
        refused(InvalidTopicException.class, future);
    }

    @Test
    void anUnknownPartitionTimesOut() throws Exception {
        var future = producer(Map.of("max.block.ms", 500)).send(new ProducerRecord<>(topic(2), 7, null, new byte[1]));
        refused(TimeoutException.class, future);
    }

    @Test
    void aCompactedTopicWantsKeys() throws Exception {
        String topic = topic(1, Map.of("cleanup.policy", "compact"));
        var failure = refused(InvalidRecordException.class, producer(Map.of()).send(new ProducerRecord<>(topic, new byte[1])));
        assertTrue(failure.getMessage().contains("key"), failure.getMessage());
    }
}
