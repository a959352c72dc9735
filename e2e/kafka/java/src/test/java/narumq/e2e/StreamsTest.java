package narumq.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The word count of the Kafka Streams tutorial, at least once: a repartition topic, a changelog that is compacted, a
 * group with an assignor of its own, and purges of what has been read.
 */
class StreamsTest extends KafkaTest {
    @TempDir
    Path directory;

    private final String application = unique("count");

    private static Topology wordCount(String input, String output) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(input)
                .flatMapValues(line -> Arrays.asList(line.toLowerCase().split("\\W+")))
                .groupBy((key, word) -> word)
                .count(Materialized.as("counts"))
                .toStream()
                .to(output, Produced.with(Serdes.String(), Serdes.Long()));
        return builder.build();
    }

    private KafkaStreams start(String input, String output, String state) {
        Properties properties = new Properties();
        properties.putAll(settings(new HashMap<>(Map.of(
                StreamsConfig.APPLICATION_ID_CONFIG, application,
                StreamsConfig.STATE_DIR_CONFIG, directory.resolve(state).toString(),
                StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.String().getClass(),
                StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.String().getClass(),
                StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 200,
                StreamsConfig.REPARTITION_PURGE_INTERVAL_MS_CONFIG, 200,
                StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0,
                StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 300,
                StreamsConfig.consumerPrefix("session.timeout.ms"), 6000))));
        KafkaStreams streams = new KafkaStreams(wordCount(input, output), properties);
        streams.setUncaughtExceptionHandler(failure -> StreamThreadExceptionResponse.SHUTDOWN_CLIENT);
        streams.start();
        return closing(streams);
    }

    /** Reads the counts until each word has the wanted one. */
    private void expect(String output, Map<String, Long> wanted) {
        Map<String, Long> counts = new HashMap<>();
        try (var consumer = new KafkaConsumer<>(settings(Map.of()), new StringDeserializer(), new LongDeserializer())) {
            consumer.assign(List.of(at(output, 0)));
            consumer.seekToBeginning(List.of(at(output, 0)));
            long deadline = System.nanoTime() + DEADLINE.toNanos();
            while (!counts.equals(wanted) && System.nanoTime() < deadline) {
                consumer.poll(Duration.ofMillis(200)).forEach(one -> counts.put(one.key(), one.value()));
            }
        }
        assertEquals(wanted, counts);
    }

    @Test
    void wordsAreCountedOverARestartOfTheProgram() throws Exception {
        String input = topic(2);
        String output = topic(1);
        send(producer(Map.of()), input, 0, "all streams lead to kafka", "hello kafka streams");
        KafkaStreams streams = start(input, output, "first");
        expect(output, Map.of("all", 1L, "streams", 2L, "lead", 1L, "to", 1L, "kafka", 2L, "hello", 1L));

        String repartition = application + "-counts-repartition";
        String changelog = application + "-counts-changelog";
        var names = get(admin.listTopics().names());
        assertTrue(names.containsAll(List.of(repartition, changelog)), names.toString());
        // What was counted is purged from the repartition topic, by DeleteRecords.
        await(true, () -> {
            long purged = 0;
            for (int partition = 0; partition < 2; partition++) {
                var where = Map.of(at(repartition, partition), org.apache.kafka.clients.admin.OffsetSpec.earliest());
                purged += get(admin.listOffsets(where).all()).get(at(repartition, partition)).offset();
            }
            return purged > 0;
        });
        assertTrue(streams.close(Duration.ofSeconds(20)));

        // Another state directory: the counts come back from the changelog.
        send(producer(Map.of()), input, 1, "join kafka summit");
        start(input, output, "second");
        expect(output, Map.of("all", 1L, "streams", 2L, "lead", 1L, "to", 1L, "kafka", 3L, "hello", 1L, "join", 1L,
                "summit", 1L));
        get(admin.deleteTopics(List.of(repartition, changelog)).all());
    }
}
