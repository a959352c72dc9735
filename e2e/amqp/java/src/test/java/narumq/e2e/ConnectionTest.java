package narumq.e2e;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;

/** Opening and closing connections and channels, tuning, and bodies in frames of every transport. */
class ConnectionTest extends AmqpTest {

    @Test
    void serverNamesItsCapabilities() {
        Map<String, Object> properties = connection.getServerProperties();
        for (String name : List.of("product", "version")) {
            assertTrue(!properties.get(name).toString().isEmpty(), name);
        }
        var capabilities = assertInstanceOf(Map.class, properties.get("capabilities"));
        for (String name : List.of(
                "publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
                "connection.blocked", "consumer_priorities", "authentication_failure_close", "per_consumer_qos",
                "direct_reply_to")) {
            assertEquals(Boolean.TRUE, capabilities.get(name), name);
        }
    }

    @Test
    void tuningTakesTheSmallerValue() throws Exception {
        ConnectionFactory factory = factory(BrokerProcess.sharedUri());
        factory.setRequestedChannelMax(2);
        factory.setRequestedFrameMax(16_384);
        factory.setRequestedHeartbeat(9);
        try (Connection tuned = factory.newConnection()) {
            assertEquals(2, tuned.getChannelMax());
            assertEquals(16_384, tuned.getFrameMax());
            assertEquals(9, tuned.getHeartbeat());
            tuned.createChannel();
            tuned.createChannel();
            assertNull(tuned.createChannel());
        }
    }

    @Test
    void wrongPasswordIsRefused() throws Exception {
        ConnectionFactory factory = factory(BrokerProcess.sharedUri());
        factory.setPassword("wrong");
        var refused = assertThrows(AuthenticationFailureException.class, factory::newConnection);
        assertTrue(refused.getMessage().contains("ACCESS_REFUSED"), refused.getMessage());
    }

    @Test
    void missingVirtualHostIsRefused() throws Exception {
        ConnectionFactory factory = factory(BrokerProcess.sharedUri());
        factory.setVirtualHost("missing");
        assertClosed(530, "NOT_ALLOWED - vhost missing not found", factory::newConnection);
    }

    @Test
    void aChannelErrorLeavesTheConnectionOpen() throws Exception {
        var signals = new LinkedBlockingQueue<ShutdownSignalException>();
        Channel failing = connection.createChannel();
        failing.addShutdownListener(signals::add);
        String exchange = unique("missing");
        failing.basicPublish(exchange, "key", null, new byte[0]);
        expectReason(404, "NOT_FOUND - no exchange '" + exchange + "' in vhost '/'", take(signals));
        assertTrue(connection.isOpen());
        assertEquals(0, channel.messageCount(temporaryQueue()));
    }

    @Test
    void channelNumbersAreUsedAgain() throws Exception {
        for (int round = 0; round < 3; round++) {
            Channel first = connection.createChannel();
            int number = first.getChannelNumber();
            first.close();
            Channel second = connection.createChannel(number);
            assertEquals(number, second.getChannelNumber());
            second.queueDeclare();
            second.close();
        }
    }

    @Test
    void bodiesSurviveSmallFrames() throws Exception {
        ConnectionFactory factory = factory(BrokerProcess.sharedUri());
        factory.setRequestedFrameMax(4096);
        roundTripBodies(factory, 4096);
    }

    @Test
    void bodiesSurviveTheNettyTransport() throws Exception {
        ConnectionFactory factory = factory(BrokerProcess.sharedUri()).netty().connectionFactory();
        roundTripBodies(factory, 131_072);
    }

    private static void roundTripBodies(ConnectionFactory factory, int frameMax) throws Exception {
        try (Connection own = factory.newConnection(); Channel channel = own.createChannel()) {
            assertEquals(frameMax, own.getFrameMax());
            channel.confirmSelect();
            String queue = channel.queueDeclare().getQueue();
            Random random = new Random(1);
            for (int size : List.of(0, 1, frameMax - 9, frameMax - 8, frameMax - 7, 2 * frameMax, 2_000_000)) {
                byte[] body = new byte[size];
                random.nextBytes(body);
                channel.basicPublish("", queue, null, body);
                assertTrue(channel.waitForConfirms(DEADLINE_MS));
                GetResponse response = channel.basicGet(queue, true);
                assertArrayEquals(body, response.getBody(), "body of " + size + " bytes");
            }
        }
    }

    @Test
    void channelsOfOneConnectionPublishAtTheSameTime() throws Exception {
        String exchange = temporaryExchange(BuiltinExchangeType.FANOUT.getType());
        String queue = temporaryQueue();
        channel.queueBind(queue, exchange, "");
        var failures = new LinkedBlockingQueue<Throwable>();
        List<Thread> publishers = java.util.stream.IntStream.range(0, 4)
                .mapToObj(number -> new Thread(() -> {
                    try (Channel own = connection.createChannel()) {
                        own.confirmSelect();
                        for (int i = 0; i < 250; i++) {
                            own.basicPublish(exchange, "k" + number, null, new byte[i * 10]);
                        }
                        own.waitForConfirmsOrDie(DEADLINE_MS);
                    } catch (IOException | InterruptedException | java.util.concurrent.TimeoutException e) {
                        failures.add(e);
                    }
                }))
                .toList();
        publishers.forEach(Thread::start);
        for (Thread publisher : publishers) {
            publisher.join();
        }
        assertTrue(failures.isEmpty(), failures::toString);
        assertEquals(1000, channel.messageCount(queue));
    }
}
