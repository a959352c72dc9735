package narumq.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.RpcClient;
import com.rabbitmq.client.RpcClientParams;
import com.rabbitmq.client.ShutdownSignalException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;

/** Prefetch, acknowledgements, get, cancel and remote procedure calls. */
class ConsumeTest extends AmqpTest {

    @Test
    void prefetchBoundsWhatIsUnacknowledged() throws Exception {
        String queue = temporaryQueue();
        fill(queue, 7);
        channel.basicQos(3);
        Inbox inbox = Inbox.consume(channel, queue, false);
        List<Delivery> first = expectBodies(inbox.deliveries(), "m1", "m2", "m3");
        assertEquals(4, channel.messageCount(queue));
        assertTrue(inbox.deliveries().isEmpty());
        channel.basicAck(first.get(1).getEnvelope().getDeliveryTag(), true);
        expectBodies(inbox.deliveries(), "m4", "m5");
        assertEquals(2, channel.messageCount(queue));
        channel.basicReject(first.get(2).getEnvelope().getDeliveryTag(), false);
        expectBodies(inbox.deliveries(), "m6");
        assertEquals(1, channel.messageCount(queue));
    }

    @Test
    void basicGetCountsDownAndEndsEmpty() throws Exception {
        String queue = temporaryQueue();
        fill(queue, 2);
        GetResponse first = channel.basicGet(queue, false);
        assertEquals("m1", text(first.getBody()));
        assertEquals(1, first.getMessageCount());
        assertFalse(first.getEnvelope().isRedeliver());
        assertEquals("", first.getEnvelope().getExchange());
        assertEquals(queue, first.getEnvelope().getRoutingKey());
        assertEquals(0, channel.basicGet(queue, true).getMessageCount());
        assertNull(channel.basicGet(queue, true));
        channel.basicNack(first.getEnvelope().getDeliveryTag(), false, true);
        GetResponse again = channel.basicGet(queue, true);
        assertEquals("m1", text(again.getBody()));
        assertTrue(again.getEnvelope().isRedeliver());
    }

    @Test
    void requeuedMessagesKeepTheirPlaces() throws Exception {
        String queue = temporaryQueue();
        fill(queue, 5);
        long[] tags = new long[5];
        for (int i = 0; i < 4; i++) {
            tags[i] = channel.basicGet(queue, false).getEnvelope().getDeliveryTag();
        }
        channel.basicNack(tags[2], false, true);
        channel.basicReject(tags[0], true);
        channel.basicNack(tags[1], false, false);
        Inbox inbox = Inbox.consume(channel, queue, true);
        List<Delivery> deliveries = expectBodies(inbox.deliveries(), "m1", "m3", "m5");
        assertTrue(deliveries.get(0).getEnvelope().isRedeliver());
        assertFalse(deliveries.get(2).getEnvelope().isRedeliver());
    }

    @Test
    void recoverGivesTheUnacknowledgedBack() throws Exception {
        String queue = temporaryQueue();
        fill(queue, 2);
        Inbox inbox = Inbox.consume(channel, queue, false);
        expectBodies(inbox.deliveries(), "m1", "m2");
        channel.basicRecover(true);
        for (Delivery delivery : expectBodies(inbox.deliveries(), "m1", "m2")) {
            assertTrue(delivery.getEnvelope().isRedeliver());
        }
    }

    @Test
    void acknowledgingTwiceIsAnError() throws Exception {
        String queue = temporaryQueue();
        fill(queue, 1);
        Channel own = connection.createChannel();
        var signals = new LinkedBlockingQueue<ShutdownSignalException>();
        own.addShutdownListener(signals::add);
        long tag = own.basicGet(queue, false).getEnvelope().getDeliveryTag();
        own.basicAck(tag, false);
        own.basicAck(tag, false);
        expectReason(406, "PRECONDITION_FAILED - unknown delivery tag " + tag, take(signals));
    }

    @Test
    void cancelEndsDeliveriesAndKeepsTheUnacknowledged() throws Exception {
        String queue = temporaryQueue();
        String keep = Inbox.consume(channel, queue, false, Map.of("x-priority", -1)).tag(); // keeps the queue
        Inbox inbox = Inbox.consume(channel, queue, false);
        fill(queue, 1);
        long tag = expectBodies(inbox.deliveries(), "m1").get(0).getEnvelope().getDeliveryTag();
        channel.basicCancel(inbox.tag());
        assertEquals(0, channel.messageCount(queue));
        channel.basicAck(tag, false);
        channel.basicCancel(keep);
    }

    @Test
    void deletingAQueueCancelsItsConsumers() throws Exception {
        String queue = temporaryQueue();
        Inbox inbox = Inbox.consume(channel, queue, true);
        channel.queueDelete(queue);
        assertEquals(inbox.tag(), take(inbox.cancelled()));
    }

    @Test
    void consumersWithCreditTakeTurns() throws Exception {
        String queue = temporaryQueue();
        Inbox first = Inbox.consume(channel, queue, true);
        Inbox second = Inbox.consume(channel, queue, true);
        fill(queue, 4);
        List<String> bodies = List.of(
                text(take(first.deliveries()).getBody()), text(take(second.deliveries()).getBody()),
                text(take(first.deliveries()).getBody()), text(take(second.deliveries()).getBody()));
        assertEquals(List.of("m1", "m2", "m3", "m4"), bodies.stream().sorted().toList());
    }

    @Test
    void remoteProcedureCallsByDirectReplyTo() throws Exception {
        String queue = temporaryQueue();
        channel.basicConsume(queue, true, (tag, call) -> {
            var reply = new AMQP.BasicProperties.Builder()
                    .correlationId(call.getProperties().getCorrelationId())
                    .build();
            byte[] body = text(call.getBody()).toUpperCase(java.util.Locale.ROOT).getBytes();
            channel.basicPublish("", call.getProperties().getReplyTo(), reply, body);
        }, tag -> {});
        var parameters = new RpcClientParams().channel(connection.createChannel()).exchange("").routingKey(queue);
        RpcClient client = new RpcClient(parameters.timeout((int) DEADLINE_MS));
        assertEquals("PING", client.stringCall("ping"));
        assertEquals("AGAIN", client.stringCall("again"));
        client.close();
    }
}
