package narumq.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.junit.jupiter.api.Test;

/** The Java admin client: topics, configs, partitions, records, the cluster. */
class AdminTest extends KafkaTest {
    private Config configs(ConfigResource resource) throws Exception {
        return get(admin.describeConfigs(List.of(resource)).all()).get(resource);
    }

    private static ConfigResource of(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private void alter(String topic, String name, String value, OpType kind) throws Exception {
        Map<ConfigResource, Collection<AlterConfigOp>> change =
                Map.of(of(topic), List.of(new AlterConfigOp(new ConfigEntry(name, value), kind)));
        get(admin.incrementalAlterConfigs(change).all());
    }

    @Test
    void aTopicIsMadeToldAndDeleted() throws Exception {
        String name = unique("made");
        var made = admin.createTopics(List.of(new NewTopic(name, 3, (short) 1).configs(Map.of("retention.ms", "60000"))));
        get(made.all());
        assertEquals(3, get(made.numPartitions(name)));
        assertEquals(1, get(made.replicationFactor(name)));
        assertEquals("60000", get(made.config(name)).get("retention.ms").value());
        await(true, () -> get(admin.listTopics().names()).contains(name));
        var told = get(admin.describeTopics(List.of(name)).allTopicNames()).get(name);
        assertEquals(get(made.topicId(name)), told.topicId());
        assertEquals(List.of(0, 1, 2), told.partitions().stream().map(one -> one.partition()).toList());
        assertFalse(told.isInternal());
        var byId = get(admin.describeTopics(TopicCollection.ofTopicIds(List.of(told.topicId()))).allTopicIds());
        assertEquals(name, byId.get(told.topicId()).name());
        get(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(told.topicId()))).all());
        await(false, () -> get(admin.listTopics().names()).contains(name));
        refused(UnknownTopicIdException.class,
                admin.describeTopics(TopicCollection.ofTopicIds(List.of(told.topicId()))).allTopicIds());
    }

    @Test
    void refusalsAreTold() throws Exception {
        String taken = topic(1);
        refused(TopicExistsException.class, admin.createTopics(List.of(new NewTopic(taken, 1, (short) 1))).all());
        refused(InvalidTopicException.class, admin.createTopics(List.of(new NewTopic("a b", 1, (short) 1))).all());
        var odd = new NewTopic(unique("odd"), 1, (short) 1).configs(Map.of("no.such", "1"));
        refused(InvalidConfigurationException.class, admin.createTopics(List.of(odd)).all());
        refused(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(unique("absent"))).all());
        refused(UnknownTopicOrPartitionException.class,
                admin.describeTopics(List.of(unique("absent"))).allTopicNames());
        refused(InvalidPartitionsException.class,
                admin.createPartitions(Map.of(taken, NewPartitions.increaseTo(1))).all());
    }

    @Test
    void validateOnlyMakesNothing() throws Exception {
        String name = unique("dry");
        get(admin.createTopics(List.of(new NewTopic(name, 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all());
        assertFalse(get(admin.listTopics().names()).contains(name));
    }

    @Test
    void partitionsAreAdded() throws Exception {
        String topic = topic(1);
        get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all());
        await(3, () -> get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).partitions().size());
    }

    @Test
    void configsAreAlteredOneByOne() throws Exception {
        String topic = topic(1, Map.of("retention.ms", "1000", "segment.bytes", "1048576"));
        alter(topic, "retention.ms", "2000", OpType.SET);
        alter(topic, "cleanup.policy", "compact", OpType.APPEND);
        await("delete,compact", () -> configs(of(topic)).get("cleanup.policy").value());
        assertEquals("2000", configs(of(topic)).get("retention.ms").value());
        alter(topic, "cleanup.policy", "delete", OpType.SUBTRACT);
        alter(topic, "retention.ms", null, OpType.DELETE);
        await(true, () -> configs(of(topic)).get("retention.ms").isDefault());
        assertEquals("compact", configs(of(topic)).get("cleanup.policy").value());
        assertEquals(ConfigSource.DYNAMIC_TOPIC_CONFIG, configs(of(topic)).get("segment.bytes").source());
    }

    @Test
    void whatIsNoConfigIsRefused() throws Exception {
        String topic = topic(1);
        Map<ConfigResource, Collection<AlterConfigOp>> odd =
                Map.of(of(topic), List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "soon"), OpType.SET)));
        refused(InvalidConfigurationException.class, admin.incrementalAlterConfigs(odd).all());
        refused(UnknownTopicOrPartitionException.class, admin.describeConfigs(List.of(of(unique("absent")))).all());
    }

    @Test
    void theClusterIsTold() throws Exception {
        var told = admin.describeCluster();
        var nodes = get(told.nodes());
        assertEquals(1, nodes.size());
        assertNotNull(get(told.clusterId()));
        assertTrue(nodes.contains(get(told.controller())));
        var node = new ConfigResource(ConfigResource.Type.BROKER, nodes.iterator().next().idString());
        assertEquals("true", configs(node).get("auto.create.topics.enable").value());
    }

    @Test
    void offsetsAreListed() throws Exception {
        String topic = topic(1);
        send(producer(Map.of()), topic, 0, "a", "b", "c");
        var specs = Map.of(
                OffsetSpec.earliest(), 0L, OffsetSpec.latest(), 3L, OffsetSpec.maxTimestamp(), 2L,
                OffsetSpec.forTimestamp(HOUR_AGO + 500), 1L, OffsetSpec.earliestLocal(), 0L);
        for (var spec : specs.entrySet()) {
            var told = get(admin.listOffsets(Map.of(at(topic, 0), spec.getKey())).all()).get(at(topic, 0));
            assertEquals(spec.getValue(), told.offset(), spec.getKey().getClass().getSimpleName());
        }
    }

    @Test
    void recordsAreDeleted() throws Exception {
        String topic = topic(1);
        send(producer(Map.of()), topic, 0, "a", "b", "c");
        var told = admin.deleteRecords(Map.of(at(topic, 0), RecordsToDelete.beforeOffset(2)));
        assertEquals(2, get(told.lowWatermarks().get(at(topic, 0))).lowWatermark());
        assertEquals(List.of("c"), read(topic, 0, 1));
        refused(OffsetOutOfRangeException.class,
                admin.deleteRecords(Map.of(at(topic, 0), RecordsToDelete.beforeOffset(9))).all());
    }

    @Test
    void theDefaultsAreThoseOfApacheKafka() throws Exception {
        Map<String, String> told = configs(of(topic(1))).entries().stream()
                .filter(entry -> entry.value() != null)
                .collect(Collectors.toMap(ConfigEntry::name, ConfigEntry::value));
        Map<String, String> expected = Map.of(
                "cleanup.policy", "delete", "retention.ms", "604800000", "retention.bytes", "-1",
                "segment.bytes", "1073741824", "max.message.bytes", "1048588", "compression.type", "producer",
                "message.timestamp.type", "CreateTime", "min.insync.replicas", "1", "delete.retention.ms", "86400000");
        for (String name : Set.copyOf(expected.keySet())) {
            assertEquals(expected.get(name), told.get(name), name);
        }
    }
}
