package e2e

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// saramaConfig is that of a program of today: it asks the broker what it speaks.
func saramaConfig() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	config.Consumer.Group.Rebalance.Retry.Backoff = 100 * time.Millisecond
	config.Consumer.Offsets.AutoCommit.Enable = false
	return config
}

func saramaProducer(t *testing.T, config *sarama.Config) sarama.SyncProducer {
	t.Helper()
	readCacheBreaker()
	producer, err := sarama.NewSyncProducer([]string{address}, config)
	must(t, err)
	t.Cleanup(func() { _ = producer.Close() })
	return producer
}

func saramaAdmin(t *testing.T) sarama.ClusterAdmin {
	t.Helper()
	admin, err := sarama.NewClusterAdmin([]string{address}, saramaConfig())
	must(t, err)
	t.Cleanup(func() { _ = admin.Close() })
	return admin
}

func TestSaramaEveryCodec(t *testing.T) {
	for name, codec := range map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	} {
		t.Run(name, func(t *testing.T) {
			config := saramaConfig()
			config.Producer.Compression = codec
			topic := topic(t, 1, nil)
			var messages []*sarama.ProducerMessage
			var sent []string
			for i := range 50 {
				sent = append(sent, strings.Repeat(strconv.Itoa(i), 50))
				messages = append(messages, &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(sent[i])})
			}
			must(t, saramaProducer(t, config).SendMessages(messages))
			equalAll(t, "values", read(t, topic, 0, 50), sent)
		})
	}
}

func TestSaramaIsIdempotent(t *testing.T) {
	config := saramaConfig()
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	topic, producer := topic(t, 1, nil), saramaProducer(t, config)
	for i := range 100 {
		message := &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(strconv.Itoa(i))}
		_, offset, err := producer.SendMessage(message)
		must(t, err)
		equal(t, "offset", offset, int64(i))
	}
	equalAll(t, "values", read(t, topic, 0, 100), numbers(100))
}

func TestSaramaConsumesAPartition(t *testing.T) {
	topic := filled(t)
	consumer, err := sarama.NewConsumer([]string{address}, saramaConfig())
	must(t, err)
	defer consumer.Close()
	for name, test := range map[string]struct {
		from  int64
		first string
	}{"oldest": {sarama.OffsetOldest, "0"}, "offset": {3, "3"}} {
		partition, err := consumer.ConsumePartition(topic, 0, test.from)
		must(t, err)
		select {
		case message := <-partition.Messages():
			equal(t, name, string(message.Value), test.first)
			equal(t, "end", partition.HighWaterMarkOffset(), 5)
		case <-time.After(deadline):
			t.Fatal("no message")
		}
		must(t, partition.Close())
	}
	_, err = consumer.ConsumePartition(topic, 0, 99)
	expect(t, err, sarama.ErrOffsetOutOfRange)
}

// handler is a member of a group of sarama's.
type handler struct {
	mutex    sync.Mutex
	claimed  []int32
	received int
}

func (h *handler) Setup(session sarama.ConsumerGroupSession) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.claimed = nil
	for _, partitions := range session.Claims() {
		h.claimed = append(h.claimed, partitions...)
	}
	return nil
}

func (h *handler) Cleanup(sarama.ConsumerGroupSession) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.claimed = nil
	return nil
}

func (h *handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		h.mutex.Lock()
		h.received++
		h.mutex.Unlock()
		session.MarkMessage(message, "")
		session.Commit()
	}
	return nil
}

func (h *handler) size() (claimed, received int) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return len(h.claimed), h.received
}

func joinSarama(t *testing.T, address, topic, group string, strategy sarama.BalanceStrategy) *handler {
	t.Helper()
	config := saramaConfig()
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	member, err := sarama.NewConsumerGroup([]string{address}, group, config)
	must(t, err)
	polling, stop := context.WithCancel(context.Background())
	one, ended := &handler{}, make(chan struct{})
	go func() {
		defer close(ended)
		for polling.Err() == nil {
			if member.Consume(polling, []string{topic}, one) != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		_ = member.Close()
		<-ended
	})
	return one
}

func TestSaramaMembersShare(t *testing.T) {
	for name, strategy := range map[string]sarama.BalanceStrategy{
		"range": sarama.NewBalanceStrategyRange(), "roundrobin": sarama.NewBalanceStrategyRoundRobin(),
		"sticky": sarama.NewBalanceStrategySticky(),
	} {
		t.Run(name, func(t *testing.T) {
			topic, group := topic(t, 6, nil), unique("group")
			members := []*handler{
				joinSarama(t, address, topic, group, strategy), joinSarama(t, address, topic, group, strategy),
				joinSarama(t, address, topic, group, strategy),
			}
			await(t, "shares of two", func() bool {
				for _, one := range members {
					if claimed, _ := one.size(); claimed != 2 {
						return false
					}
				}
				return true
			})
			producer := manual(t)
			for partition := range int32(6) {
				send(t, producer, topic, partition, "a", "b")
			}
			await(t, "all messages", func() bool {
				sum := 0
				for _, one := range members {
					_, received := one.size()
					sum += received
				}
				return sum == 12
			})
			admin := saramaAdmin(t)
			await(t, "the commits", func() bool {
				offsets, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0, 5}})
				must(t, err)
				return offsets.GetBlock(topic, 0).Offset == 2 && offsets.GetBlock(topic, 5).Offset == 2
			})
		})
	}
}

func TestSaramaAdministers(t *testing.T) {
	admin, name, value := saramaAdmin(t), unique("made"), "60000"
	detail := &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &value}}
	must(t, admin.CreateTopic(name, detail, false))
	await(t, "the topic", func() bool {
		told, err := admin.DescribeTopics([]string{name})
		return err == nil && told[0].Err == sarama.ErrNoError && len(told[0].Partitions) == 2
	})
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: name, ConfigNames: []string{"retention.ms"}})
	must(t, err)
	equal(t, "retention.ms", entries[0].Value, value)
	must(t, admin.CreatePartitions(name, 4, nil, false))
	higher := "70000"
	change := map[string]sarama.IncrementalAlterConfigsEntry{
		"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &higher},
	}
	must(t, admin.IncrementalAlterConfig(sarama.TopicResource, name, change, false))
	await(t, "four partitions", func() bool {
		told, err := admin.DescribeTopics([]string{name})
		return err == nil && len(told[0].Partitions) == 4
	})
	expect(t, admin.CreateTopic(name, detail, false), sarama.ErrTopicAlreadyExists)
	must(t, admin.DeleteTopic(name))
	expect(t, admin.DeleteTopic(name), sarama.ErrUnknownTopicOrPartition)
	_, controller, err := admin.DescribeCluster()
	must(t, err)
	if controller < 0 {
		t.Fatal("no controller")
	}
}

func TestSaramaDeletesRecordsAndGroups(t *testing.T) {
	topic, group, admin := filled(t), unique("group"), saramaAdmin(t)
	must(t, admin.DeleteRecords(topic, map[int32]int64{0: 3}))
	equalAll(t, "values", read(t, topic, 0, 2), []string{"3", "4"})
	client, err := sarama.NewClient([]string{address}, saramaConfig())
	must(t, err)
	defer client.Close()
	offsets, err := sarama.NewOffsetManagerFromClient(group, client)
	must(t, err)
	partition, err := offsets.ManagePartition(topic, 0)
	must(t, err)
	next := func(want int64) {
		told, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
		must(t, err)
		equal(t, "committed", told.GetBlock(topic, 0).Offset, want)
	}
	partition.MarkOffset(4, "why")
	offsets.Commit()
	next(4)
	partition.ResetOffset(3, "again")
	offsets.Commit()
	next(3)
	partition.AsyncClose() // without automatic commits the other kind waits for the manager to close
	must(t, offsets.Close())
	listed, err := admin.ListConsumerGroups()
	must(t, err)
	if _, found := listed[group]; !found {
		t.Fatalf("%s is not among %v", group, listed)
	}
	must(t, admin.DeleteConsumerGroup(group))
	expect(t, admin.DeleteConsumerGroup(group), sarama.ErrGroupIDNotFound)
}
