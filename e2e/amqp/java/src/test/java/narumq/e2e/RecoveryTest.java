package narumq.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.Recoverable;
import com.rabbitmq.client.RecoveryListener;
import java.io.IOException;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The broker is killed with SIGKILL while messages are in flight and started again on its data; the client comes back
 * by its automatic recovery and must find every message the broker confirmed.
 */
@Timeout(120)
class RecoveryTest {
    private static final int WINDOW = 200;

    private BrokerProcess broker;
    private Connection connection;
    private Channel channel;
    private final CountDownLatch recovered = new CountDownLatch(1);

    @BeforeEach
    void start() throws Exception {
        if (BrokerProcess.EXTERNAL != null) {
            String reason = "RecoveryTest NOT RUN: NARUMQ_E2E_AMQP names an external broker, which must not be killed;"
                    + " set NARUMQ_BIN to run it";
            System.err.println(reason);
            abort(reason);
        }
        broker = BrokerProcess.start();
        ConnectionFactory factory = AmqpTest.factory(broker.uri());
        factory.setAutomaticRecoveryEnabled(true);
        factory.setNetworkRecoveryInterval(50);
        connection = factory.newConnection("e2e recovery");
        ((Recoverable) connection).addRecoveryListener(new RecoveryListener() {
            @Override
            public void handleRecoveryStarted(Recoverable recoverable) {}

            @Override
            public void handleRecovery(Recoverable recoverable) {
                recovered.countDown();
            }
        });
        channel = connection.createChannel();
        channel.confirmSelect();
    }

    @AfterEach
    void stop() {
        if (connection != null) {
            connection.abort();
        }
        if (broker != null) {
            broker.close();
        }
    }

    /** Publishes 0, 1, 2, … until the broker is gone, kills it after {@code enough} confirms, returns the confirmed. */
    private NavigableSet<Long> publishAndKill(String exchange, int enough) throws Exception {
        var unconfirmed = new ConcurrentSkipListSet<Long>();
        var confirmed = new ConcurrentSkipListSet<Long>();
        var window = new Semaphore(WINDOW);
        var reached = new CountDownLatch(enough);
        Channel publisher = connection.createChannel();
        publisher.confirmSelect();
        publisher.addConfirmListener(
                (tag, multiple) -> {
                    var done = multiple ? unconfirmed.headSet(tag, true) : unconfirmed.subSet(tag, true, tag, true);
                    for (Long sequence = done.pollFirst(); sequence != null; sequence = done.pollFirst()) {
                        confirmed.add(sequence - 1);
                        window.release();
                        reached.countDown();
                    }
                },
                (tag, multiple) -> {});
        publisher.addShutdownListener(signal -> window.release(WINDOW)); // wakes the loop, whose publish then fails
        Thread killer = new Thread(() -> {
            try {
                reached.await();
                broker.kill();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        killer.start();
        try {
            for (long number = 0; ; number++) {
                assertTrue(window.tryAcquire(AmqpTest.DEADLINE_MS, TimeUnit.MILLISECONDS), "no confirms");
                unconfirmed.add(number + 1);
                byte[] body = Long.toString(number).getBytes(UTF_8);
                publisher.basicPublish(exchange, "k", MessageProperties.PERSISTENT_BASIC, body);
            }
        } catch (AlreadyClosedException | IOException e) {
            // the broker is gone
        }
        assertTrue(reached.await(AmqpTest.DEADLINE_MS, TimeUnit.MILLISECONDS), "too few confirms");
        killer.join();
        return new TreeSet<>(confirmed);
    }

    private void restartAndAwaitRecovery() throws Exception {
        broker.restart();
        assertTrue(recovered.await(AmqpTest.DEADLINE_MS, TimeUnit.MILLISECONDS), "no automatic recovery");
    }

    @Test
    void confirmedMessagesSurvive() throws Exception {
        String exchange = AmqpTest.unique("exchange");
        String queue = AmqpTest.unique("durable");
        channel.exchangeDeclare(exchange, "direct", true);
        channel.queueDeclare(queue, true, false, false, null);
        channel.queueBind(queue, exchange, "k");
        NavigableSet<Long> confirmed = publishAndKill(exchange, 1_000);
        restartAndAwaitRecovery();

        // The channel is the one that was opened before the crash.
        long count = channel.messageCount(queue);
        assertTrue(count >= confirmed.size(), count + " messages, confirmed " + confirmed.size());
        channel.basicQos(100);
        Inbox inbox = Inbox.consume(channel, queue, false);
        long last = -1;
        for (long i = 0; i < count; i++) {
            Delivery delivery = AmqpTest.take(inbox.deliveries());
            channel.basicAck(delivery.getEnvelope().getDeliveryTag(), false);
            long number = Long.parseLong(AmqpTest.text(delivery.getBody()));
            assertTrue(number > last, number + " after " + last);
            last = number;
            confirmed.remove(number);
        }
        assertEquals(new TreeSet<>(), confirmed, "confirmed and lost");
        assertNull(channel.basicGet(queue, true));
    }

    @Test
    void consumersAndTransientTopologyComeBack() throws Exception {
        String exchange = AmqpTest.unique("transient");
        channel.exchangeDeclare(exchange, "topic", false, true, null);
        String own = channel.queueDeclare().getQueue(); // exclusive and server-named: it gets a new name
        channel.queueBind(own, exchange, "a.*");
        String durable = AmqpTest.unique("durable");
        channel.queueDeclare(durable, true, false, false, null);
        channel.basicQos(1);
        Inbox fromOwn = Inbox.consume(channel, own, true);
        Inbox fromDurable = Inbox.consume(channel, durable, false);
        for (String body : new String[] {"held", "waiting"}) {
            channel.basicPublish("", durable, MessageProperties.PERSISTENT_BASIC, body.getBytes(UTF_8));
        }
        channel.waitForConfirmsOrDie(AmqpTest.DEADLINE_MS);
        long stale = AmqpTest.expectBodies(fromDurable.deliveries(), "held").get(0).getEnvelope().getDeliveryTag();

        // The kill comes right after the declarations: the broker answers them only once they are durable.
        broker.kill();
        restartAndAwaitRecovery();
        channel.basicAck(stale, false); // of the lost connection: the client must not send it
        for (String body : new String[] {"held", "waiting"}) {
            Delivery delivery = AmqpTest.expectBodies(fromDurable.deliveries(), body).get(0);
            channel.basicAck(delivery.getEnvelope().getDeliveryTag(), false);
        }
        channel.basicPublish(exchange, "a.b", null, "bound again".getBytes(UTF_8));
        channel.waitForConfirmsOrDie(AmqpTest.DEADLINE_MS);
        AmqpTest.expectBodies(fromOwn.deliveries(), "bound again");
    }
}
