package narumq.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;

/** A connection and a confirming channel for each test, and the small steps the tests are made of. */
@Timeout(120)
abstract class AmqpTest {
    /** Longest wait for one event in milliseconds, generous for a loaded machine. */
    static final long DEADLINE_MS = 20_000;

    Connection connection;
    Channel channel;

    @BeforeEach
    void connect() throws Exception {
        connection = factory(BrokerProcess.sharedUri()).newConnection("e2e java");
        channel = connection.createChannel();
        channel.confirmSelect();
    }

    @AfterEach
    void disconnect() {
        if (connection != null) {
            connection.abort();
        }
    }

    /** A factory for connections that stay closed when they are closed. */
    static ConnectionFactory factory(String uri) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(uri);
        factory.setAutomaticRecoveryEnabled(false);
        return factory;
    }

    /** A name no other test or earlier run has used. */
    static String unique(String what) {
        return "e2e.java." + what + "." + UUID.randomUUID();
    }

    /** A server-named exclusive queue: it goes away with the connection. */
    String temporaryQueue(Map<String, Object> arguments) throws IOException {
        return channel.queueDeclare("", false, true, true, arguments).getQueue();
    }

    String temporaryQueue() throws IOException {
        return temporaryQueue(Map.of());
    }

    /** An exchange that goes away with its last binding. */
    String temporaryExchange(String type) throws IOException {
        String exchange = unique(type);
        channel.exchangeDeclare(exchange, type, false, true, null);
        return exchange;
    }

    /** Publishes and waits for the confirm. */
    void publish(String exchange, String key, AMQP.BasicProperties properties, String body) throws Exception {
        channel.basicPublish(exchange, key, properties, body.getBytes(UTF_8));
        assertTrue(channel.waitForConfirms(DEADLINE_MS), "nacked");
    }

    void publish(String exchange, String key, String body) throws Exception {
        publish(exchange, key, null, body);
    }

    /** Publishes m1, m2, … to a queue. */
    void fill(String queue, int count) throws Exception {
        for (int i = 1; i <= count; i++) {
            publish("", queue, "m" + i);
        }
    }

    static <T> T take(BlockingQueue<T> queue) throws InterruptedException {
        T value = queue.poll(DEADLINE_MS, TimeUnit.MILLISECONDS);
        assertNotNull(value, "nothing came within " + DEADLINE_MS + " ms");
        return value;
    }

    /** Takes as many deliveries as there are bodies and compares them. */
    static List<Delivery> expectBodies(BlockingQueue<Delivery> inbox, String... bodies) throws InterruptedException {
        List<Delivery> deliveries = new ArrayList<>();
        for (String body : bodies) {
            Delivery delivery = take(inbox);
            assertEquals(body, text(delivery.getBody()));
            deliveries.add(delivery);
        }
        return deliveries;
    }

    static String text(byte[] body) {
        return new String(body, UTF_8);
    }

    /** Expects the server to close the channel or connection with this code and a text that contains the part. */
    static void assertClosed(int code, String part, Executable action) {
        Throwable thrown = assertThrows(Exception.class, action);
        Throwable cause = thrown instanceof ShutdownSignalException ? thrown : thrown.getCause();
        expectReason(code, part, assertInstanceOf(ShutdownSignalException.class, cause));
    }

    static void expectReason(int code, String part, ShutdownSignalException signal) {
        assertTrue(!signal.isInitiatedByApplication(), "closed by the server");
        if (signal.getReason() instanceof AMQP.Channel.Close close) {
            assertEquals(code, close.getReplyCode());
            assertTrue(close.getReplyText().contains(part), close.getReplyText());
        } else {
            var close = assertInstanceOf(AMQP.Connection.Close.class, signal.getReason());
            assertEquals(code, close.getReplyCode());
            assertTrue(close.getReplyText().contains(part), close.getReplyText());
        }
    }
}
