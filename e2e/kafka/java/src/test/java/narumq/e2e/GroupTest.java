package narumq.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Groups of Java consumers with the classic protocol: members share, come, leave and vanish. */
class GroupTest extends KafkaTest {
    private final String group = unique("group");

    Member join(String topic, Map<String, ?> more) {
        Map<String, Object> settings = new HashMap<>(
                Map.of("group.id", group, "heartbeat.interval.ms", 300, "session.timeout.ms", 10_000));
        settings.putAll(more);
        return closing(new Member(consumer(settings), topic));
    }

    /** Waits until the members share all partitions, each at least one. */
    static void share(List<Member> members, String topic, int partitions) throws Exception {
        Set<TopicPartition> everything = new HashSet<>();
        IntStream.range(0, partitions).forEach(partition -> everything.add(at(topic, partition)));
        await(true, () -> {
            List<TopicPartition> all = new ArrayList<>();
            members.forEach(member -> all.addAll(member.has()));
            return all.size() == partitions
                    && everything.equals(new HashSet<>(all))
                    && members.stream().noneMatch(member -> member.has().isEmpty());
        });
    }

    @ParameterizedTest
    @ValueSource(classes = {RangeAssignor.class, RoundRobinAssignor.class, StickyAssignor.class, CooperativeStickyAssignor.class})
    void threeMembersShare(Class<?> strategy) throws Exception {
        String topic = topic(6);
        Map<String, Object> settings = Map.of("partition.assignment.strategy", strategy.getName());
        List<Member> members = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            members.add(join(topic, settings));
        }
        share(members, topic, 6);
        assertEquals(List.of(2, 2, 2), members.stream().map(member -> member.has().size()).toList());
        var producer = producer(Map.of());
        for (int partition = 0; partition < 6; partition++) {
            send(producer, topic, partition, "a", "b", "c");
        }
        await(18, () -> members.stream().mapToInt(member -> member.records.size()).sum());
        for (Member member : members) {
            member.records.forEach(one -> assertTrue(member.has().contains(at(topic, one.partition()))));
            member.commit();
        }
        members.remove(1).close();
        share(members, topic, 6);
        send(producer, topic, 5, "after");
        await(1L, () -> members.stream().flatMap(member -> member.records.stream())
                .filter(one -> one.partition() == 5 && one.offset() == 3).count());
    }

    @Test
    void aCooperativeRebalanceKeepsWhatStays() throws Exception {
        String topic = topic(4);
        Map<String, Object> settings = Map.of("partition.assignment.strategy", CooperativeStickyAssignor.class.getName());
        Member first = join(topic, settings);
        share(List.of(first), topic, 4);
        Member second = join(topic, settings);
        share(List.of(first, second), topic, 4);
        assertEquals(List.of(2), first.revoked.stream().map(one -> one.size()).filter(size -> size > 0).toList());
        assertTrue(second.revoked.stream().allMatch(one -> one.isEmpty()));
    }

    @Test
    void aMemberThatVanishesIsReplaced() throws Exception {
        String topic = topic(2);
        Member gone = join(topic, Map.of("session.timeout.ms", 6000));
        share(List.of(gone), topic, 2);
        Member heir = join(topic, Map.of());
        share(List.of(gone, heir), topic, 2);
        gone.vanish();
        share(List.of(heir), topic, 2);
    }

    @Test
    void aStaticMemberComesBackUnnoticed() throws Exception {
        String topic = topic(4);
        Member stays = join(topic, Map.of("group.instance.id", "seat-1"));
        Member goes = join(topic, Map.of("group.instance.id", "seat-2"));
        share(List.of(stays, goes), topic, 4);
        var seat = goes.has();
        int revoked = stays.revoked.size();
        goes.close();
        Member back = join(topic, Map.of("group.instance.id", "seat-2"));
        share(List.of(stays, back), topic, 4);
        assertEquals(seat, back.has());
        assertEquals(revoked, stays.revoked.size());
    }

    @Test
    void anAdministratorRemovesAStaticMember() throws Exception {
        String topic = topic(2);
        Member stays = join(topic, Map.of("group.instance.id", "seat-1"));
        Member goes = join(topic, Map.of("group.instance.id", "seat-2"));
        share(List.of(stays, goes), topic, 2);
        goes.close();
        var seat = new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("seat-2")));
        get(admin.removeMembersFromConsumerGroup(group, seat).all());
        share(List.of(stays), topic, 2);
    }
}
