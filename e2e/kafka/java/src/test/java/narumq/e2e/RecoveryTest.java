package narumq.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.abort;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * The broker is killed with SIGKILL under load and started again on its data: the idempotent producer loses and doubles
 * nothing, and a group goes on as if nothing had been.
 */
class RecoveryTest extends KafkaTest {
    private static final int RECORDS = 5000;
    private static final int WINDOW = 500;

    private BrokerProcess broker;

    @Override
    String address() throws Exception {
        if (BrokerProcess.EXTERNAL != null) {
            String reason = "RecoveryTest NOT RUN: NARUMQ_E2E_KAFKA names an external broker, which must not be killed;"
                    + " set NARUMQ_BIN to run it";
            System.err.println(reason);
            abort(reason);
        }
        broker = BrokerProcess.start();
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
    void theIdempotentProducerLosesAndDoublesNothing() throws Exception {
        String topic = topic(1);
        var producer = producer(Map.of("linger.ms", 1, "batch.size", 1000, "reconnect.backoff.max.ms", 200));
        var window = new Semaphore(WINDOW);
        var failed = new AtomicInteger();
        for (int i = 0; i < RECORDS; i++) {
            window.acquire();
            producer.send(new ProducerRecord<>(topic, String.valueOf(i).getBytes(UTF_8)), (told, failure) -> {
                if (failure != null) {
                    failed.incrementAndGet();
                }
                window.release();
            });
            if (i == RECORDS / 2) {
                broker.kill();
                broker.restart();
            }
        }
        assertEquals(true, window.tryAcquire(WINDOW, 60, TimeUnit.SECONDS), "answers are missing");
        assertEquals(0, failed.get());
        assertEquals(IntStream.range(0, RECORDS).mapToObj(String::valueOf).toList(), read(topic, 0, RECORDS));
    }

    @Test
    void aGroupDoesNotNoticeAKill() throws Exception {
        String topic = topic(4);
        Map<String, Object> settings = new HashMap<>(Map.of(
                "group.id", "group", "heartbeat.interval.ms", 300, "session.timeout.ms", 30_000,
                "reconnect.backoff.max.ms", 200));
        List<Member> members = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            members.add(closing(new Member(consumer(settings), topic)));
        }
        GroupTest.share(members, topic, 4);
        var producer = producer(Map.of("reconnect.backoff.max.ms", 200));
        for (int partition = 0; partition < 4; partition++) {
            send(producer, topic, partition, "before");
        }
        await(4, () -> members.stream().mapToInt(member -> member.records.size()).sum());
        for (Member member : members) {
            member.commit();
        }
        var ids = ids(members);
        // Apache Kafka serves no topic for a while after its start, and this client then joins again.
        var revoked = members.stream().map(member -> member.revoked.size()).toList();
        broker.kill();
        broker.restart();
        for (int partition = 0; partition < 4; partition++) {
            send(producer, topic, partition, "after");
        }
        await(8, () -> members.stream().mapToInt(member -> member.records.size()).sum());
        for (Member member : members) {
            member.commit();
        }
        assertEquals(ids, ids(members));
        if (!BrokerProcess.IS_ORACLE) {
            assertEquals(revoked, members.stream().map(member -> member.revoked.size()).toList());
        }
        Consumer<byte[], byte[]> looks = consumer(Map.of("group.id", "group"));
        for (int partition = 0; partition < 4; partition++) {
            assertEquals(2, looks.committed(Set.of(at(topic, partition))).get(at(topic, partition)).offset());
        }
    }

    private static List<String> ids(List<Member> members) throws Exception {
        List<String> ids = new ArrayList<>();
        for (Member member : members) {
            ids.add(member.does(consumer -> consumer.groupMetadata().memberId()));
        }
        return ids;
    }
}
