package narumq.e2e;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.impl.LongStringHelper;
import java.math.BigDecimal;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Every property and every type of field the client can write comes back as it was written. */
class FieldTableTest extends AmqpTest {
    private static final Date WHEN = new Date(1_700_000_000_000L);

    /** The scalar types, with the least and the greatest value of each number. */
    private static Map<String, Object> scalars() {
        Map<String, Object> table = new HashMap<>();
        table.put("true", true);
        table.put("false", false);
        table.put("byte min", Byte.MIN_VALUE);
        table.put("byte max", Byte.MAX_VALUE);
        table.put("short min", Short.MIN_VALUE);
        table.put("short max", Short.MAX_VALUE);
        table.put("int min", Integer.MIN_VALUE);
        table.put("int max", Integer.MAX_VALUE);
        table.put("long min", Long.MIN_VALUE);
        table.put("long max", Long.MAX_VALUE);
        table.put("float", Float.MIN_VALUE);
        table.put("double", Math.PI);
        table.put("double max", Double.MAX_VALUE);
        table.put("decimal", new BigDecimal("12345.67"));
        table.put("decimal max", new BigDecimal("0.2147483647"));
        table.put("timestamp", WHEN);
        table.put("string", LongStringHelper.asLongString("naïve ☃"));
        table.put("empty string", LongStringHelper.asLongString(""));
        table.put("null", null);
        return table;
    }

    private Map<String, Object> roundTrip(Map<String, Object> headers) throws Exception {
        String queue = temporaryQueue();
        publish("", queue, new AMQP.BasicProperties.Builder().headers(headers).build(), "");
        return channel.basicGet(queue, true).getProps().getHeaders();
    }

    @Test
    void scalarsOfEveryType() throws Exception {
        assertEquals(scalars(), roundTrip(scalars()));
    }

    @Test
    void numbersThatAreNotFinite() throws Exception {
        assumeTrue(BrokerProcess.EXTERNAL == null, "RabbitMQ closes the connection with 541 INTERNAL_ERROR");
        Map<String, Object> headers = Map.of(
                "float", Float.NEGATIVE_INFINITY, "double", Double.POSITIVE_INFINITY, "not a number", Double.NaN);
        assertEquals(headers, roundTrip(headers));
    }

    @Test
    void byteArrays() throws Exception {
        byte[] all = new byte[256];
        for (int i = 0; i < all.length; i++) {
            all[i] = (byte) i;
        }
        Map<String, Object> back = roundTrip(Map.of("all", all, "none", new byte[0]));
        assertArrayEquals(all, (byte[]) back.get("all"));
        assertArrayEquals(new byte[0], (byte[]) back.get("none"));
    }

    @Test
    void nestedTablesAndArrays() throws Exception {
        Map<String, Object> headers = Map.of(
                "table", scalars(),
                "array", List.of(1, 2L, (short) 3, (byte) 4, true, Map.of("five", List.of())),
                "empty table", Map.of(),
                "deep", Map.of("a", Map.of("b", Map.of("c", List.of(List.of(List.of(1)))))));
        assertEquals(headers, roundTrip(headers));
    }

    @Test
    void aTableOfManyFields() throws Exception {
        Map<String, Object> headers = new HashMap<>();
        for (int i = 0; i < 2_000; i++) {
            headers.put("header number " + i, (long) i);
        }
        assertEquals(headers, roundTrip(headers));
    }

    @Test
    void everyProperty() throws Exception {
        String queue = temporaryQueue();
        var sent = new AMQP.BasicProperties.Builder()
                .contentType("application/json").contentEncoding("gzip").headers(Map.of("h", 1)).deliveryMode(2)
                .priority(255).correlationId("c").replyTo("r").expiration("600000").messageId("m").timestamp(WHEN)
                .type("t").userId("guest").appId("a").clusterId("k")
                .build();
        publish("", queue, sent, "body");
        var back = channel.basicGet(queue, true).getProps();
        assertEquals(sent, back);
        publish("", queue, "no properties");
        assertEquals(new AMQP.BasicProperties.Builder().build(), channel.basicGet(queue, true).getProps());
    }

    @Test
    void aForgedUserIdIsRefused() throws Exception {
        String queue = temporaryQueue();
        var forged = new AMQP.BasicProperties.Builder().userId("somebody").build();
        assertClosed(
                406,
                "PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest'",
                () -> publish("", queue, forged, "forged"));
        assertTrue(connection.isOpen());
    }
}
