package narumq.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.MessageProperties;
import java.io.IOException;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;

/** Publisher confirms, returns and transactions. */
class PublishTest extends AmqpTest {

    @Test
    void everyMessageIsConfirmed() throws Exception {
        String queue = unique("confirm");
        channel.queueDeclare(queue, true, false, false, Map.of("x-expires", 60_000));
        var outstanding = new ConcurrentSkipListSet<Long>();
        var nacked = new ConcurrentSkipListSet<Long>();
        channel.addConfirmListener(
                (tag, multiple) -> {
                    if (multiple) {
                        outstanding.headSet(tag, true).clear();
                    } else {
                        outstanding.remove(tag);
                    }
                },
                (tag, multiple) -> nacked.add(tag));
        for (int i = 0; i < 500; i++) {
            outstanding.add(channel.getNextPublishSeqNo());
            channel.basicPublish("", queue, MessageProperties.PERSISTENT_BASIC, ("m" + i).getBytes(UTF_8));
        }
        channel.waitForConfirmsOrDie(DEADLINE_MS);
        assertEquals(new TreeSet<>(), outstanding);
        assertEquals(new TreeSet<>(), nacked);
        assertEquals(500, channel.queueDelete(queue).getMessageCount());
    }

    @Test
    void aFullQueueNacks() throws Exception {
        String queue = temporaryQueue(Map.of("x-max-length", 1, "x-overflow", "reject-publish"));
        publish("", queue, "fits");
        channel.basicPublish("", queue, null, "too many".getBytes(UTF_8));
        assertFalse(channel.waitForConfirms(DEADLINE_MS));
        channel.basicPublish("", queue, null, "too many".getBytes(UTF_8));
        assertThrows(IOException.class, () -> channel.waitForConfirmsOrDie(DEADLINE_MS));
    }

    @Test
    void unroutableMandatoryMessageIsReturnedThenConfirmed() throws Exception {
        BlockingQueue<Object> events = new LinkedBlockingQueue<>();
        channel.addReturnListener(events::add);
        channel.addConfirmListener((tag, multiple) -> events.add(tag), (tag, multiple) -> events.add("nack"));
        String key = unique("nowhere");
        var properties = new AMQP.BasicProperties.Builder().messageId("id").headers(Map.of("try", 1)).build();
        channel.basicPublish("amq.direct", key, true, properties, "come back".getBytes(UTF_8));
        var returned = (com.rabbitmq.client.Return) take(events);
        assertEquals(312, returned.getReplyCode());
        assertEquals("NO_ROUTE", returned.getReplyText());
        assertEquals("amq.direct", returned.getExchange());
        assertEquals(key, returned.getRoutingKey());
        assertEquals("id", returned.getProperties().getMessageId());
        assertEquals(Map.of("try", 1), returned.getProperties().getHeaders());
        assertEquals("come back", text(returned.getBody()));
        assertEquals(1L, take(events));
    }

    @Test
    void committedTransactionsShowRolledBackOnesDoNot() throws Exception {
        String queue = temporaryQueue();
        Channel tx = connection.createChannel();
        tx.txSelect();
        tx.basicPublish("", queue, null, "one".getBytes(UTF_8));
        assertEquals(0, tx.messageCount(queue)); // not before the commit
        tx.txCommit();
        assertEquals(1, channel.messageCount(queue));
        tx.basicPublish("", queue, null, "two".getBytes(UTF_8));
        tx.txRollback();
        assertEquals(1, channel.messageCount(queue));

        long tag = tx.basicGet(queue, false).getEnvelope().getDeliveryTag();
        tx.basicAck(tag, false);
        tx.txRollback(); // the message is unacknowledged again, and still held
        tx.basicNack(tag, false, true);
        tx.txCommit();
        var again = tx.basicGet(queue, false);
        assertTrue(again.getEnvelope().isRedeliver());
        tx.basicAck(again.getEnvelope().getDeliveryTag(), false);
        tx.txCommit();
        tx.close();
        assertEquals(0, channel.messageCount(queue));
    }

    @Test
    void aChannelCannotHaveConfirmsAndTransactions() throws Exception {
        assertClosed(406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode", () -> channel.txSelect());
        Channel tx = connection.createChannel();
        tx.txSelect();
        assertClosed(406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode", () -> tx.confirmSelect());
        assertClosed(406, "channel is not transactional", () -> connection.createChannel().txCommit());
    }

    @Test
    void carbonCopiesReachMoreQueues() throws Exception {
        String to = temporaryQueue();
        String copy = temporaryQueue();
        String blind = temporaryQueue();
        Map<String, Object> headers = Map.of("CC", java.util.List.of(copy), "BCC", java.util.List.of(blind));
        publish("", to, new AMQP.BasicProperties.Builder().headers(headers).build(), "three times");
        for (String queue : java.util.List.of(to, copy, blind)) {
            var message = channel.basicGet(queue, true);
            assertEquals("three times", text(message.getBody()));
            assertTrue(message.getProps().getHeaders().containsKey("CC"));
            assertFalse(message.getProps().getHeaders().containsKey("BCC"));
        }
    }
}
