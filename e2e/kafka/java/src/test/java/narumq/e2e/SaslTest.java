package narumq.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.UnsupportedSaslMechanismException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The Java client logging in to a broker that serves nobody else. */
class SaslTest extends KafkaTest {
    private static BrokerProcess broker;

    @BeforeAll
    static void startBroker() throws Exception {
        assumeTrue(BrokerProcess.EXTERNAL == null, "the broker must be told how to run");
        assumeTrue(!BrokerProcess.IS_ORACLE, "the argument is ours");
        broker = BrokerProcess.start("--kafka-sasl=required");
    }

    @AfterAll
    static void endBroker() {
        if (broker != null) {
            broker.close();
        }
    }

    @Override
    String address() {
        return broker.bootstrap();
    }

    /** The administrator of the other tests logs in, too. */
    @BeforeEach
    void logIn() {
        admin.close();
        admin = Admin.create(settings(login("PLAIN", "guest", "guest")));
    }

    private static Map<String, Object> login(String mechanism, String user, String password) {
        String module = mechanism.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
        return new HashMap<>(Map.of(
                "security.protocol", "SASL_PLAINTEXT",
                "sasl.mechanism", mechanism,
                "sasl.jaas.config", "org.apache.kafka.common.security.%s required username=\"%s\" password=\"%s\";"
                        .formatted(module, user, password)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
    void aClientLogsIn(String mechanism) throws Exception {
        Map<String, Object> login = login(mechanism, "guest", "guest");
        String topic = unique("sasl");
        get(closing(Admin.create(settings(login))).createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all());
        send(producer(login), topic, 0, "a", "b");
        login.put("group.id", topic);
        var consumer = consumer(login);
        consumer.subscribe(List.of(topic));
        assertEquals(List.of("a", "b"), values(take(consumer, 2)));
        consumer.commitSync();
    }

    @ParameterizedTest
    @ValueSource(strings = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
    void aWrongPasswordIsToldWithItsReason(String mechanism) {
        for (String[] wrong : new String[][] {{"guest", "gues"}, {"nobody", "guest"}}) {
            var admin = closing(Admin.create(settings(login(mechanism, wrong[0], wrong[1]))));
            var failure = refused(SaslAuthenticationException.class, admin.describeCluster().nodes());
            String reason = mechanism.equals("PLAIN")
                    ? "Authentication failed: Invalid username or password"
                    : "due to invalid credentials with SASL mechanism " + mechanism;
            assertTrue(failure.getMessage().contains(reason), failure.getMessage());
        }
    }

    @Test
    void anUnknownMechanismIsToldTheKnownOnes() {
        Map<String, Object> login = login("PLAIN", "guest", "guest");
        login.put("sasl.mechanism", "OAUTHBEARER");
        login.put("sasl.jaas.config", "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
                + "unsecuredLoginStringClaim_sub=\"guest\";");
        var admin = closing(Admin.create(settings(login)));
        var failure = refused(UnsupportedSaslMechanismException.class, admin.describeCluster().nodes());
        assertTrue(failure.getMessage().contains("[PLAIN, SCRAM-SHA-256, SCRAM-SHA-512]"), failure.getMessage());
    }
}
