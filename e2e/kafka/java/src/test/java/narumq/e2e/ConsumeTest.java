package narumq.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The Java consumer: places, commits, limits. */
class ConsumeTest extends KafkaTest {
    private String topic;
    private TopicPartition first;

    @BeforeEach
    void fill() throws Exception {
        topic = topic(2);
        first = at(topic, 0);
        send(producer(Map.of()), topic, 0, "0", "1", "2", "3", "4");
    }

    @Test
    void seekByOffset() {
        var consumer = consumer(Map.of("max.poll.records", 1));
        consumer.assign(List.of(first));
        for (int offset : new int[] {3, 0, 4}) {
            consumer.seek(first, offset);
            assertEquals(List.of(String.valueOf(offset)), values(take(consumer, 1)));
            assertEquals(offset + 1, consumer.position(first));
        }
        consumer.seekToEnd(List.of(first));
        assertEquals(5, consumer.position(first));
    }

    @Test
    void seekByTime() {
        var consumer = consumer(Map.of());
        var found = consumer.offsetsForTimes(Map.of(first, HOUR_AGO + 1500, at(topic, 1), HOUR_AGO));
        assertEquals(2, found.get(first).offset());
        assertEquals(HOUR_AGO + 2000, found.get(first).timestamp());
        assertNull(found.get(at(topic, 1)));
        assertNull(consumer.offsetsForTimes(Map.of(first, HOUR_AGO + 99_000)).get(first));
    }

    @Test
    void bothEnds() {
        var consumer = consumer(Map.of());
        assertEquals(Map.of(first, 0L), consumer.beginningOffsets(List.of(first)));
        assertEquals(Map.of(first, 5L, at(topic, 1), 0L), consumer.endOffsets(List.of(first, at(topic, 1))));
        consumer.assign(List.of(first));
        take(consumer, 5);
        assertEquals(0, consumer.currentLag(first).orElseThrow());
    }

    @Test
    void fromTheLatest() throws Exception {
        var consumer = consumer(Map.of("auto.offset.reset", "latest"));
        consumer.assign(List.of(first));
        assertEquals(5, consumer.position(first));
        send(producer(Map.of()), topic, 0, "5");
        assertEquals(List.of("5"), values(take(consumer, 1)));
    }

    /** Since release 4.0: where the records of this age begin. */
    @Test
    void fromAnAge() {
        var consumer = consumer(Map.of("auto.offset.reset", "by_duration:PT2H"));
        consumer.assign(List.of(first));
        assertEquals(0, consumer.position(first));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatIsCommittedIsRemembered(boolean asynchronous) throws Exception {
        Map<String, Object> group = Map.of("group.id", unique("group"), "max.poll.records", 3);
        var before = consumer(group);
        before.subscribe(List.of(topic));
        assertEquals(List.of("0", "1", "2"), values(take(before, 3)));
        if (asynchronous) {
            var done = new CompletableFuture<Map<TopicPartition, OffsetAndMetadata>>();
            before.commitAsync((offsets, failure) -> {
                if (failure == null) {
                    done.complete(offsets);
                } else {
                    done.completeExceptionally(failure);
                }
            });
            before.pause(before.assignment());
            await(true, () -> before.poll(Duration.ofMillis(10)).isEmpty() && done.isDone());
            assertEquals(3, get(done).get(first).offset());
        } else {
            before.commitSync();
        }
        before.close();
        var after = consumer(group);
        assertEquals(3, after.committed(Set.of(first)).get(first).offset());
        after.subscribe(List.of(topic));
        assertEquals(List.of("3", "4"), values(take(after, 2)));
    }

    @Test
    void aCommitOfTheProgramsChoice() {
        var consumer = consumer(Map.of("group.id", unique("group")));
        consumer.assign(List.of(first));
        assertNull(consumer.committed(Set.of(first)).get(first));
        consumer.commitSync(Map.of(first, new OffsetAndMetadata(4, "why")));
        var told = consumer.committed(Set.of(first)).get(first);
        assertEquals(4, told.offset());
        assertEquals("why", told.metadata());
        assertEquals(4, consumer.position(first));
        assertEquals(List.of("4"), values(take(consumer, 1)));
    }

    @Test
    void autoCommitOnClose() {
        Map<String, Object> group =
                new HashMap<>(Map.of("group.id", unique("group"), "enable.auto.commit", "true", "max.poll.records", 2));
        var before = consumer(group);
        before.subscribe(List.of(topic));
        take(before, 2);
        before.close();
        assertEquals(2, consumer(group).committed(Set.of(first)).get(first).offset());
    }

    @Test
    void pauseAndResume() throws Exception {
        var consumer = consumer(Map.of());
        consumer.assign(List.of(first, at(topic, 1)));
        consumer.pause(List.of(first));
        send(producer(Map.of()), topic, 1, "other");
        assertEquals(List.of("other"), values(take(consumer, 1)));
        assertTrue(consumer.poll(Duration.ofMillis(200)).isEmpty());
        consumer.resume(List.of(first));
        assertEquals("0", values(take(consumer, 1)).get(0));
    }

    @Test
    void outOfRangeIsToldOrReset() {
        var strict = consumer(Map.of("auto.offset.reset", "none"));
        strict.assign(List.of(first));
        strict.seek(first, 99);
        var failure = assertThrows(OffsetOutOfRangeException.class, () -> take(strict, 1));
        assertEquals(Map.of(first, 99L), failure.offsetOutOfRangePartitions());
        var lenient = consumer(Map.of());
        lenient.assign(List.of(first));
        lenient.seek(first, 99);
        assertEquals("0", values(take(lenient, 1)).get(0));
    }

    @Test
    void smallFetchesReachTheEnd() {
        var consumer = consumer(Map.of("max.partition.fetch.bytes", 1, "fetch.max.bytes", 1));
        consumer.assign(List.of(first));
        assertEquals(List.of("0", "1", "2", "3", "4"), values(take(consumer, 5)));
    }

    @Test
    void readCommittedIsTheSameWithoutTransactions() {
        var consumer = consumer(Map.of("isolation.level", "read_committed"));
        consumer.assign(List.of(first));
        assertEquals(5, take(consumer, 5).size());
    }

    @Test
    void aPatternFindsItsTopics() {
        var consumer = consumer(Map.of("group.id", unique("group")));
        consumer.subscribe(Pattern.compile(Pattern.quote(topic.substring(0, topic.length() - 1)) + "."));
        assertEquals(5, take(consumer, 5).size());
    }

    @Test
    void topicsAndPartitionsAreTold() {
        var consumer = consumer(Map.of());
        assertNotNull(consumer.listTopics().get(topic));
        var partitions = consumer.partitionsFor(topic);
        assertEquals(2, partitions.size());
        assertEquals(partitions.get(0).leader(), partitions.get(0).inSyncReplicas()[0]);
    }
}
