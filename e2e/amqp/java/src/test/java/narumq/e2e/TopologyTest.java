package narumq.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Declaring, binding and deleting exchanges and queues. */
class TopologyTest extends AmqpTest {

    @Test
    void directExchangeRoutesByItsBindings() throws Exception {
        String exchange = unique("direct");
        channel.exchangeDeclare(exchange, "direct", true);
        String queue = unique("queue");
        AMQP.Queue.DeclareOk declared = channel.queueDeclare(queue, true, false, false, Map.of("x-expires", 60_000));
        assertEquals(queue, declared.getQueue());
        assertEquals(0, declared.getMessageCount());
        assertEquals(0, declared.getConsumerCount());
        channel.queueBind(queue, exchange, "yes");
        publish(exchange, "yes", "routed");
        publish(exchange, "no", "not routed");
        assertEquals(1, channel.messageCount(queue));
        Inbox.consume(channel, queue, true);
        assertEquals(1, channel.consumerCount(queue));
        channel.queueUnbind(queue, exchange, "yes");
        publish(exchange, "yes", "not routed any more");
        assertEquals(0, channel.queueDelete(queue).getMessageCount());
        channel.exchangeDelete(exchange);
        assertClosed(404, "no exchange '" + exchange + "'", () -> channel.exchangeDeclarePassive(exchange));
    }

    @Test
    void exchangesBindToExchanges() throws Exception {
        String source = temporaryExchange("topic");
        String middle = temporaryExchange("direct");
        String last = temporaryExchange("fanout");
        channel.exchangeBind(middle, source, "a.#");
        channel.exchangeBind(last, middle, "a.b");
        channel.exchangeBind(last, source, "a.*"); // a second way for the same message: it arrives once
        String queue = temporaryQueue();
        channel.queueBind(queue, last, "");
        publish(source, "a.b", "both ways");
        publish(source, "a.c", "one way");
        publish(source, "a.b.c", "no way");
        assertEquals(2, channel.messageCount(queue));
        channel.exchangeUnbind(last, source, "a.*");
        publish(source, "a.c", "no way any more");
        assertEquals(2, channel.messageCount(queue));
    }

    @Test
    void headersExchangeMatchesAllOrAny() throws Exception {
        String exchange = temporaryExchange("headers");
        String all = temporaryQueue();
        String any = temporaryQueue();
        channel.queueBind(all, exchange, "", Map.of("x-match", "all", "format", "pdf", "pages", 3));
        channel.queueBind(any, exchange, "", Map.of("x-match", "any", "format", "pdf", "pages", 3));
        for (Map<String, Object> headers : List.<Map<String, Object>>of(
                Map.of("format", "pdf", "pages", 3, "extra", true), Map.of("format", "pdf"), Map.of("pages", 4))) {
            publish(exchange, "", new AMQP.BasicProperties.Builder().headers(headers).build(), "");
        }
        assertEquals(1, channel.messageCount(all));
        assertEquals(2, channel.messageCount(any));
    }

    @Test
    void internalExchangeTakesNoPublishes() throws Exception {
        String exchange = unique("internal");
        channel.exchangeDeclare(exchange, "fanout", false, true, true, null);
        String source = temporaryExchange("fanout");
        String queue = temporaryQueue();
        channel.queueBind(queue, exchange, "");
        channel.exchangeBind(exchange, source, "");
        publish(source, "", "through a binding");
        assertEquals(1, channel.messageCount(queue));
        Channel failing = connection.createChannel();
        failing.confirmSelect();
        assertClosed(403, "cannot publish to internal exchange '" + exchange + "' in vhost '/'", () -> {
            failing.basicPublish(exchange, "", null, new byte[0]);
            failing.waitForConfirms(DEADLINE_MS);
        });
    }

    @Test
    void redeclarationMustBeEqual() throws Exception {
        String queue = unique("redeclare");
        Map<String, Object> arguments = new HashMap<>(Map.of("x-message-ttl", 60_000));
        channel.queueDeclare(queue, false, true, false, arguments);
        arguments.put("x-message-ttl", 60_000L); // another width, the same number
        channel.queueDeclare(queue, false, true, false, arguments);
        String where = " for queue '" + queue + "' in vhost '/': ";
        assertClosed(
                406,
                "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl'" + where
                        + "received none but current is the value '60000' of type 'signedint'",
                () -> connection.createChannel().queueDeclare(queue, false, true, false, null));
        assertClosed(
                406,
                "PRECONDITION_FAILED - inequivalent arg 'auto_delete'" + where
                        + "received 'true' but current is 'false'",
                () -> connection.createChannel().queueDeclare(queue, false, true, true, arguments));
    }

    @Test
    void reservedNamesAreRefused() throws Exception {
        assertClosed(
                403,
                "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
                () -> connection.createChannel().queueDeclare("amq.mine", false, true, true, null));
        assertClosed(
                403,
                "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
                () -> connection.createChannel().exchangeDeclare("amq.mine", "direct"));
        for (String name : List.of("amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match")) {
            channel.exchangeDeclarePassive(name);
        }
    }

    @Test
    void noWaitDeclarationsTakeEffect() throws Exception {
        String queue = unique("nowait");
        String exchange = unique("nowait");
        channel.exchangeDeclareNoWait(exchange, "fanout", false, true, false, null);
        channel.queueDeclareNoWait(queue, false, true, false, null);
        channel.queueBindNoWait(queue, exchange, "", null);
        publish(exchange, "", "arrived");
        assertEquals(1, channel.messageCount(queue));
        channel.queueDeleteNoWait(queue, false, false);
        assertEquals(0, channel.queueDelete(queue).getMessageCount());
        assertTrue(channel.isOpen());
    }

    @Test
    void purgeCountsWhatItRemoves() throws Exception {
        String queue = temporaryQueue();
        fill(queue, 5);
        channel.basicGet(queue, false); // held: not ready, not purged
        assertEquals(4, channel.queuePurge(queue).getMessageCount());
        assertEquals(0, channel.messageCount(queue));
    }
}
