package narumq.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.UnknownMemberIdException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What lag tools and operators ask of groups. */
class GroupAdminTest extends KafkaTest {
    private final String group = unique("group");
    private String topic;

    @BeforeEach
    void fill() throws Exception {
        topic = topic(2);
        send(producer(Map.of()), topic, 0, "a", "b", "c");
    }

    private Member busy() throws Exception {
        Member member = closing(new Member(consumer(Map.of("group.id", group)), topic));
        GroupTest.share(List.of(member), topic, 2);
        return member;
    }

    private Map<TopicPartition, Long> offsets() throws Exception {
        return get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, entry -> entry.getValue().offset()));
    }

    private void alter(long first, long second) throws Exception {
        get(admin.alterConsumerGroupOffsets(group, Map.of(
                at(topic, 0), new OffsetAndMetadata(first), at(topic, 1), new OffsetAndMetadata(second))).all());
    }

    private Set<String> listed(ListGroupsOptions options) throws Exception {
        return get(admin.listGroups(options).all()).stream().map(GroupListing::groupId).collect(Collectors.toSet());
    }

    @Test
    void aGroupIsDescribed() throws Exception {
        busy();
        var told = get(admin.describeConsumerGroups(List.of(group)).all()).get(group);
        assertEquals(GroupState.STABLE, told.groupState());
        assertEquals("range", told.partitionAssignor());
        assertFalse(told.isSimpleConsumerGroup());
        var member = told.members().iterator().next();
        assertEquals(Set.of(at(topic, 0), at(topic, 1)), member.assignment().topicPartitions());
        assertTrue(member.host().contains("127.0.0.1"), member.host());
    }

    @Test
    void lagIsTold() throws Exception {
        Member member = busy();
        await(3, () -> member.records.size());
        member.commit();
        assertEquals(3, offsets().get(at(topic, 0)));
        send(producer(Map.of()), topic, 0, "d", "e");
        await(5, () -> member.records.size());
        assertEquals(3, offsets().get(at(topic, 0)));
        var byTopic = Map.of(group, new ListConsumerGroupOffsetsSpec().topicPartitions(List.of(at(topic, 0))));
        assertEquals(3, get(admin.listConsumerGroupOffsets(byTopic).all()).get(group).get(at(topic, 0)).offset());
    }

    @Test
    void groupsAreListedByState() throws Exception {
        Member member = busy();
        assertTrue(listed(new ListGroupsOptions()).contains(group));
        assertTrue(listed(new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE))).contains(group));
        assertFalse(listed(new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY))).contains(group));
        member.commit();
        member.close();
        await(true, () -> listed(new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY))).contains(group));
    }

    @Test
    void offsetsAreAlteredAndDeleted() throws Exception {
        alter(1, 7);
        assertEquals(Map.of(at(topic, 0), 1L, at(topic, 1), 7L), offsets());
        get(admin.deleteConsumerGroupOffsets(group, Set.of(at(topic, 1))).all());
        assertEquals(Map.of(at(topic, 0), 1L), offsets());
        var consumer = consumer(Map.of("group.id", group));
        consumer.subscribe(List.of(topic));
        assertEquals(List.of("b", "c"), values(take(consumer, 2)));
    }

    @Test
    void theOffsetsOfABusyGroupStay() throws Exception {
        Member member = busy();
        member.commit();
        refused(UnknownMemberIdException.class,
                admin.alterConsumerGroupOffsets(group, Map.of(at(topic, 0), new OffsetAndMetadata(1))).all());
        refused(GroupSubscribedToTopicException.class,
                admin.deleteConsumerGroupOffsets(group, Set.of(at(topic, 0))).all());
        refused(GroupNotEmptyException.class, admin.deleteConsumerGroups(List.of(group)).all());
    }

    @Test
    void aGroupIsDeleted() throws Exception {
        alter(1, 1);
        get(admin.deleteConsumerGroups(List.of(group)).all());
        assertFalse(listed(new ListGroupsOptions()).contains(group));
        refused(GroupIdNotFoundException.class, admin.deleteConsumerGroups(List.of(group)).all());
        refused(GroupIdNotFoundException.class, admin.describeConsumerGroups(List.of(group)).all());
        assertEquals(Map.of(), offsets());
    }
}
