package narumq.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** Clients that close themselves, fresh topics, and the small steps the tests are made of. */
@Timeout(120)
abstract class KafkaTest {
    /** Longest wait for one event, generous for a loaded machine. */
    static final Duration DEADLINE = Duration.ofSeconds(30);

    /** An hour ago in whole seconds of milliseconds: records of other years would be deleted by retention. */
    static final long HOUR_AGO = (System.currentTimeMillis() / 1000 - 3600) * 1000;

    Admin admin;
    private String bootstrap;
    private final Deque<AutoCloseable> opened = new ArrayDeque<>();
    private final List<String> topics = new ArrayList<>();

    /** The broker the test talks to. */
    String address() throws Exception {
        return BrokerProcess.sharedBootstrap();
    }

    @BeforeEach
    void connect() throws Exception {
        bootstrap = address();
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    @AfterEach
    void disconnect() throws Exception {
        while (!opened.isEmpty()) {
            opened.pop().close();
        }
        if (admin != null) {
            // Some tests have deleted theirs, or killed the broker for good.
            topics.forEach(topic -> admin.deleteTopics(List.of(topic)));
            admin.close(Duration.ofSeconds(5));
        }
    }

    /** Closes this when the test ends. */
    <T extends AutoCloseable> T closing(T one) {
        opened.push(one);
        return one;
    }

    /** A name no other test or earlier run has used. */
    static String unique(String what) {
        return "e2e.java." + what + "." + UUID.randomUUID();
    }

    /** A topic with these partitions and configs, once it has its leaders. */
    String topic(int partitions, Map<String, String> configs) throws Exception {
        String topic = unique("topic");
        topics.add(topic);
        get(admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all());
        for (int partition = 0; partition < partitions; partition++) {
            var latest = Map.of(new TopicPartition(topic, partition), OffsetSpec.latest());
            await(true, () -> { // Apache Kafka does not know the topic, or its leader, for a moment
                try {
                    get(admin.listOffsets(latest).all());
                    return true;
                } catch (ExecutionException e) {
                    return false;
                }
            });
        }
        return topic;
    }

    String topic(int partitions) throws Exception {
        return topic(partitions, Map.of());
    }

    Map<String, Object> settings(Map<String, ?> more) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        all.putAll(more);
        return all;
    }

    Producer<byte[], byte[]> producer(Map<String, ?> more) {
        return closing(new KafkaProducer<>(settings(more), new ByteArraySerializer(), new ByteArraySerializer()));
    }

    /** A consumer that begins at the start and commits only when told; it belongs to its test's thread. */
    Consumer<byte[], byte[]> consumer(Map<String, ?> more) {
        Map<String, Object> all = settings(Map.of("auto.offset.reset", "earliest", "enable.auto.commit", "false"));
        all.putAll(more);
        return closing(new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer()));
    }

    /** Sends values to a partition, a second of record time apart, and waits for the acks. */
    static List<RecordMetadata> send(Producer<byte[], byte[]> producer, String topic, int partition, String... values)
            throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (int i = 0; i < values.length; i++) {
            long time = HOUR_AGO + i * 1000L;
            sent.add(producer.send(new ProducerRecord<>(topic, partition, time, null, values[i].getBytes(UTF_8))));
        }
        List<RecordMetadata> told = new ArrayList<>();
        for (Future<RecordMetadata> one : sent) {
            told.add(get(one));
        }
        return told;
    }

    /** Polls until so many records have come. */
    static List<ConsumerRecord<byte[], byte[]>> take(Consumer<byte[], byte[]> consumer, int count) {
        List<ConsumerRecord<byte[], byte[]>> taken = new ArrayList<>();
        long deadline = System.nanoTime() + DEADLINE.toNanos();
        while (taken.size() < count) {
            consumer.poll(Duration.ofMillis(200)).forEach(taken::add);
            if (System.nanoTime() > deadline) {
                throw new AssertionError(taken.size() + " of " + count + " records came within " + DEADLINE);
            }
        }
        return taken;
    }

    static List<String> values(Iterable<ConsumerRecord<byte[], byte[]>> records) {
        List<String> values = new ArrayList<>();
        records.forEach(record -> values.add(record.value() == null ? null : new String(record.value(), UTF_8)));
        return values;
    }

    /** The values of one partition, from the start. */
    List<String> read(String topic, int partition, int count) {
        var consumer = consumer(Map.of());
        var where = List.of(new TopicPartition(topic, partition));
        consumer.assign(where);
        consumer.seekToBeginning(where);
        return values(take(consumer, count));
    }

    static <T> T get(Future<T> future) throws Exception {
        return future.get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
    }

    /** Expects the future to fail with this. */
    static <T extends Throwable> T refused(Class<T> failure, Future<?> future) {
        var thrown = assertThrows(ExecutionException.class, () -> get(future));
        return assertInstanceOf(failure, thrown.getCause());
    }

    /** Looks again and again until the value is there. */
    static <T> void await(T expected, Callable<T> look) throws Exception {
        long deadline = System.nanoTime() + DEADLINE.toNanos();
        while (true) {
            T found = look.call();
            if (expected.equals(found)) {
                return;
            }
            if (System.nanoTime() > deadline) {
                assertEquals(expected, found, "within " + DEADLINE);
            }
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }

    static TopicPartition at(String topic, int partition) {
        return new TopicPartition(topic, partition);
    }
}
