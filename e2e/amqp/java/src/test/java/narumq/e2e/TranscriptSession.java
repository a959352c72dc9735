package narumq.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** The session of the transcripts; no test of the suite: {@code mvn test -Dtest=TranscriptSession} runs it. */
class TranscriptSession {
    @Test
    void isRecorded() throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(System.getenv("TRANSCRIPT_URL"));
        factory.setAutomaticRecoveryEnabled(false);
        Connection connection = factory.newConnection();
        Channel channel = connection.createChannel();
        channel.exchangeDeclare("t.exchange", "topic", true);
        channel.queueDeclare("t.queue", true, false, false, Map.of("x-max-length", 10));
        channel.queueBind("t.queue", "t.exchange", "a.*");
        channel.confirmSelect();
        AMQP.BasicProperties properties = new AMQP.BasicProperties.Builder()
                .contentType("text/plain").deliveryMode(2).priority(3).correlationId("c-1").messageId("m-1")
                .headers(Map.of("text", "t", "number", 7, "flag", true)).build();
        channel.basicPublish("t.exchange", "a.b", properties, "hello".getBytes(UTF_8));
        channel.waitForConfirmsOrDie();
        CountDownLatch returned = new CountDownLatch(1);
        channel.addReturnListener(message -> returned.countDown());
        channel.basicPublish("t.exchange", "nobody", true, null, "lost".getBytes(UTF_8));
        channel.waitForConfirmsOrDie();
        returned.await();
        channel.queueDeclare();
        channel.basicQos(2);
        CountDownLatch taken = new CountDownLatch(1);
        String tag = channel.basicConsume("t.queue", false, (consumer, message) -> {
            channel.basicAck(message.getEnvelope().getDeliveryTag(), false);
            taken.countDown();
        }, consumer -> { });
        taken.await();
        channel.basicCancel(tag);
        assertNull(channel.basicGet("t.queue", false));
        assertEquals(0, channel.queueDelete("t.queue").getMessageCount());
        channel.exchangeDelete("t.exchange");
        assertThrows(IOException.class, () -> channel.queueDeclarePassive("t.absent"));
        connection.close();
    }
}
