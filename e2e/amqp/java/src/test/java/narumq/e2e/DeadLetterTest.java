package narumq.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.LongString;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import org.junit.jupiter.api.Test;

/** Time to live and dead-lettering, with the history kept in x-death. */
class DeadLetterTest extends AmqpTest {
    private BlockingQueue<Delivery> dead;

    /** Declares a work queue whose dead messages arrive in {@link #dead}. */
    private String deadLettering(Map<String, Object> arguments) throws Exception {
        String exchange = temporaryExchange("fanout");
        String queue = temporaryQueue();
        channel.queueBind(queue, exchange, "");
        dead = Inbox.consume(channel, queue, true).deliveries();
        Map<String, Object> all = new HashMap<>(arguments);
        all.put("x-dead-letter-exchange", exchange);
        return temporaryQueue(all);
    }

    /** Takes one dead message and checks its only x-death entry, which it returns. */
    private Map<String, Object> expectDeath(Delivery delivery, String reason, String queue) {
        Map<String, Object> headers = delivery.getProperties().getHeaders();
        List<Map<String, Object>> deaths = deaths(delivery);
        assertEquals(1, deaths.size());
        Map<String, Object> death = deaths.get(0);
        assertEquals(1L, death.get("count"));
        assertEquals(reason, death.get("reason").toString());
        assertEquals(queue, death.get("queue").toString());
        assertEquals("", death.get("exchange").toString());
        assertEquals(List.of(queue), ((List<?>) death.get("routing-keys")).stream().map(Object::toString).toList());
        Duration age = Duration.between(((Date) death.get("time")).toInstant(), Instant.now());
        assertTrue(age.abs().compareTo(Duration.ofMinutes(10)) < 0, "time of death: " + death.get("time"));
        assertEquals(reason, headers.get("x-first-death-reason").toString());
        assertEquals(queue, headers.get("x-first-death-queue").toString());
        assertEquals("", headers.get("x-first-death-exchange").toString());
        return death;
    }

    @SuppressWarnings("unchecked")
    private static List<Map<String, Object>> deaths(Delivery delivery) {
        return (List<Map<String, Object>>) delivery.getProperties().getHeaders().get("x-death");
    }

    @Test
    void rejectedMessage() throws Exception {
        String work = deadLettering(Map.of());
        var properties = new AMQP.BasicProperties.Builder().headers(Map.of("mine", 7)).correlationId("c").build();
        publish("", work, properties, "bad");
        channel.basicReject(channel.basicGet(work, false).getEnvelope().getDeliveryTag(), false);
        Delivery delivery = expectBodies(dead, "bad").get(0);
        expectDeath(delivery, "rejected", work);
        assertEquals(work, delivery.getEnvelope().getRoutingKey());
        assertEquals(7, delivery.getProperties().getHeaders().get("mine"));
        assertEquals("c", delivery.getProperties().getCorrelationId());
    }

    @Test
    void queueTimeToLive() throws Exception {
        String work = deadLettering(Map.of("x-message-ttl", 50, "x-dead-letter-routing-key", "new.key"));
        publish("", work, "old");
        Delivery delivery = expectBodies(dead, "old").get(0);
        expectDeath(delivery, "expired", work);
        assertEquals("new.key", delivery.getEnvelope().getRoutingKey());
    }

    @Test
    void messageExpiration() throws Exception {
        String work = deadLettering(Map.of());
        publish("", work, new AMQP.BasicProperties.Builder().expiration("50").build(), "short");
        Delivery delivery = expectBodies(dead, "short").get(0);
        assertEquals("50", expectDeath(delivery, "expired", work).get("original-expiration").toString());
        assertNull(delivery.getProperties().getExpiration());
    }

    @Test
    void maximumLength() throws Exception {
        String work = deadLettering(Map.of("x-max-length-bytes", 10));
        publish("", work, "12345678");
        publish("", work, "abcdefgh");
        expectDeath(expectBodies(dead, "12345678").get(0), "maxlen", work);
        assertEquals("abcdefgh", text(channel.basicGet(work, true).getBody()));
    }

    @Test
    void twoQueuesAddTwoEntriesNewestFirst() throws Exception {
        String second = deadLettering(Map.of("x-message-ttl", 30));
        String first = temporaryQueue(Map.of("x-dead-letter-exchange", "", "x-dead-letter-routing-key", second));
        publish("", first, "twice");
        channel.basicReject(channel.basicGet(first, false).getEnvelope().getDeliveryTag(), false);
        Delivery delivery = expectBodies(dead, "twice").get(0);
        List<Map<String, Object>> deaths = deaths(delivery);
        assertEquals(List.of("expired", "rejected"), deaths.stream().map(d -> d.get("reason").toString()).toList());
        assertEquals(List.of(second, first), deaths.stream().map(d -> d.get("queue").toString()).toList());
        LongString reason = (LongString) delivery.getProperties().getHeaders().get("x-first-death-reason");
        assertEquals("rejected", reason.toString());
    }

    @Test
    void badExpirationIsRefused() throws Exception {
        String queue = temporaryQueue();
        assertClosed(
                406,
                "PRECONDITION_FAILED - invalid expiration 'soon'",
                () -> publish("", queue, new AMQP.BasicProperties.Builder().expiration("soon").build(), "never"));
    }
}
