package narumq.e2e;

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Delivery;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** A consumer whose deliveries, and the tags of whose cancellations by the server, wait to be taken. */
record Inbox(String tag, BlockingQueue<Delivery> deliveries, BlockingQueue<String> cancelled) {

    static Inbox consume(Channel channel, String queue, boolean autoAck) throws IOException {
        return consume(channel, queue, autoAck, Map.of());
    }

    static Inbox consume(Channel channel, String queue, boolean autoAck, Map<String, Object> arguments)
            throws IOException {
        var deliveries = new LinkedBlockingQueue<Delivery>();
        var cancelled = new LinkedBlockingQueue<String>();
        String tag = channel.basicConsume(
                queue, autoAck, arguments, (name, delivery) -> deliveries.add(delivery), cancelled::add);
        return new Inbox(tag, deliveries, cancelled);
    }
}
