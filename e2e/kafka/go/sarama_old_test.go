package e2e

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	old "github.com/Shopify/sarama"
)

// oldConfig speaks as Kafka 2.8 did, whatever the broker advertises: the release before sarama learned to ask.
func oldConfig() *old.Config {
	config := old.NewConfig()
	config.Version = old.V2_8_0_0
	config.Producer.RequiredAcks = old.WaitForAll
	config.Producer.Return.Successes = true
	config.Consumer.Offsets.Initial = old.OffsetOldest
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	config.Consumer.Group.Rebalance.Retry.Backoff = 100 * time.Millisecond
	return config
}

func TestOldSaramaProduces(t *testing.T) {
	for name, codec := range map[string]old.CompressionCodec{
		"none": old.CompressionNone, "gzip": old.CompressionGZIP, "snappy": old.CompressionSnappy,
		"lz4": old.CompressionLZ4, "zstd": old.CompressionZSTD,
	} {
		t.Run(name, func(t *testing.T) {
			readCacheBreaker()
			config := oldConfig()
			config.Producer.Compression = codec
			topic := topic(t, 1, nil)
			producer, err := old.NewSyncProducer([]string{address}, config)
			must(t, err)
			defer producer.Close()
			var messages []*old.ProducerMessage
			for i := range 50 {
				messages = append(messages, &old.ProducerMessage{Topic: topic, Value: old.StringEncoder(strconv.Itoa(i))})
			}
			must(t, producer.SendMessages(messages))
			equalAll(t, "values", read(t, topic, 0, 50), numbers(50))
		})
	}
}

func TestOldSaramaIsIdempotent(t *testing.T) {
	config := oldConfig()
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	topic := topic(t, 1, nil)
	producer, err := old.NewSyncProducer([]string{address}, config)
	must(t, err)
	defer producer.Close()
	for i := range 50 {
		_, offset, err := producer.SendMessage(&old.ProducerMessage{Topic: topic, Value: old.StringEncoder(strconv.Itoa(i))})
		must(t, err)
		equal(t, "offset", offset, int64(i))
	}
}

func TestOldSaramaConsumesAPartition(t *testing.T) {
	topic := filled(t)
	consumer, err := old.NewConsumer([]string{address}, oldConfig())
	must(t, err)
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, 3)
	must(t, err)
	defer partition.Close()
	for _, want := range []string{"3", "4"} {
		select {
		case message := <-partition.Messages():
			equal(t, "value", string(message.Value), want)
		case <-time.After(deadline):
			t.Fatal("no message")
		}
	}
}

type oldHandler struct {
	claimed, received atomic.Int64
}

func (h *oldHandler) Setup(session old.ConsumerGroupSession) error {
	for _, partitions := range session.Claims() {
		h.claimed.Store(int64(len(partitions)))
	}
	return nil
}

func (h *oldHandler) Cleanup(old.ConsumerGroupSession) error {
	h.claimed.Store(0)
	return nil
}

func (h *oldHandler) ConsumeClaim(session old.ConsumerGroupSession, claim old.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		h.received.Add(1)
		session.MarkMessage(message, "")
	}
	return nil
}

func TestOldSaramaMembersShare(t *testing.T) {
	topic, group := topic(t, 6, nil), unique("group")
	var members []*oldHandler
	for range 3 {
		member, err := old.NewConsumerGroup([]string{address}, group, oldConfig())
		must(t, err)
		polling, stop := context.WithCancel(context.Background())
		one, ended := &oldHandler{}, make(chan struct{})
		members = append(members, one)
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
	}
	await(t, "shares of two", func() bool {
		return !slices.ContainsFunc(members, func(one *oldHandler) bool { return one.claimed.Load() != 2 })
	})
	producer := manual(t)
	for partition := range int32(6) {
		send(t, producer, topic, partition, "a", "b")
	}
	await(t, "all messages", func() bool {
		sum := int64(0)
		for _, one := range members {
			sum += one.received.Load()
		}
		return sum == 12
	})
}

func TestOldSaramaAdministers(t *testing.T) {
	admin, err := old.NewClusterAdmin([]string{address}, oldConfig())
	must(t, err)
	defer admin.Close()
	name, value := unique("made"), "60000"
	detail := &old.TopicDetail{NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &value}}
	must(t, admin.CreateTopic(name, detail, false))
	await(t, "the topic", func() bool {
		told, err := admin.DescribeTopics([]string{name})
		return err == nil && told[0].Err == old.ErrNoError && len(told[0].Partitions) == 2
	})
	entries, err := admin.DescribeConfig(old.ConfigResource{Type: old.TopicResource, Name: name, ConfigNames: []string{"retention.ms"}})
	must(t, err)
	equal(t, "retention.ms", entries[0].Value, value)
	must(t, admin.DeleteTopic(name))
}
