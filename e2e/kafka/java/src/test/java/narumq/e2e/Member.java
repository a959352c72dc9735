package narumq.e2e;

import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** A consumer of a group that polls in a thread of its own, as programs do. */
final class Member implements AutoCloseable, ConsumerRebalanceListener {
    final List<ConsumerRecord<byte[], byte[]>> records = new CopyOnWriteArrayList<>();
    final List<Collection<TopicPartition>> revoked = new CopyOnWriteArrayList<>();
    private final Consumer<byte[], byte[]> consumer;
    private final AtomicReference<Set<TopicPartition>> assignment = new AtomicReference<>(Set.of());
    private final AtomicReference<Exception> failure = new AtomicReference<>();
    private final Queue<Runnable> wanted = new ConcurrentLinkedQueue<>();
    private final Thread thread = new Thread(this::poll, "member");
    private volatile boolean done;

    Member(Consumer<byte[], byte[]> consumer, String topic) {
        this.consumer = consumer;
        consumer.subscribe(List.of(topic), this);
        thread.start();
    }

    private void poll() {
        try {
            while (!done) {
                consumer.poll(Duration.ofMillis(50)).forEach(records::add);
                assignment.set(new HashSet<>(consumer.assignment()));
                for (Runnable action = wanted.poll(); action != null; action = wanted.poll()) {
                    action.run();
                }
            }
        } catch (Exception e) {
            failure.set(e); // told to whoever looks at the member next
        }
    }

    /** The partitions the member has now. */
    Set<TopicPartition> has() {
        if (failure.get() != null) {
            throw new AssertionError("the member has ended", failure.get());
        }
        return assignment.get();
    }

    /** Lets the member's own thread do something between two polls. */
    <T> T does(Function<Consumer<byte[], byte[]>, T> action) throws Exception {
        var answer = new CompletableFuture<T>();
        wanted.add(() -> {
            try {
                answer.complete(action.apply(consumer));
            } catch (RuntimeException e) {
                answer.completeExceptionally(e);
            }
        });
        return KafkaTest.get(answer);
    }

    void commit() throws Exception {
        does(one -> {
            one.commitSync();
            return true;
        });
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        revoked.add(List.copyOf(partitions));
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {}

    /** Ends without a goodbye: the group finds out when the session has run out. */
    void vanish() {
        end();
        consumer.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP));
    }

    /** Leaves the group. */
    @Override
    public void close() {
        end();
        consumer.close();
    }

    private void end() {
        done = true;
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
