package e2e

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestTheIdempotentProducerLosesAndDoublesNothing(t *testing.T) {
	const count, window = 5000, 500
	process := ownBroker(t)
	topic := topicOf(t, process.Address(), 1, nil)
	producer := clientOf(t, process.Address(), kgo.MaxBufferedRecords(window), kgo.ProducerBatchMaxBytes(1000),
		kgo.RetryTimeout(time.Minute), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }))
	var failed atomic.Value
	for i := range count {
		record := &kgo.Record{Topic: topic, Value: fmt.Append(nil, i)}
		producer.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(err)
			}
		})
		if i == count/2 {
			process.Kill()
			must(t, process.Restart())
		}
	}
	must(t, producer.Flush(limited(t)))
	if err := failed.Load(); err != nil {
		t.Fatal(err)
	}
	consumer := clientOf(t, process.Address(), at(topic, kgo.NewOffset().AtStart()))
	equalAll(t, "values", values(take(t, consumer, count)), numbers(count))
}

func TestAGroupDoesNotNoticeAKill(t *testing.T) {
	process := ownBroker(t)
	topic := topicOf(t, process.Address(), 4, nil)
	quick := kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond })
	options := []kgo.Opt{quick, kgo.SessionTimeout(30 * time.Second), kgo.RetryTimeout(time.Minute)}
	first := join(t, process.Address(), topic, "group", options...)
	second := join(t, process.Address(), topic, "group", options...)
	share(t, 4, first, second)
	producer := clientOf(t, process.Address(), quick, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for partition := range int32(4) {
		send(t, producer, topic, partition, "before")
	}
	await(t, "the records before", func() bool { return received(first, second) == 4 })
	members := func() string {
		one, generation := first.client.GroupMetadata()
		two, same := second.client.GroupMetadata()
		return fmt.Sprint(one, generation, two, same)
	}
	before := members()
	lost := look(first, func(m *member) int { return m.lost }) + look(second, func(m *member) int { return m.lost })

	process.Kill()
	must(t, process.Restart())
	for partition := range int32(4) {
		send(t, producer, topic, partition, "after")
	}
	await(t, "the records after", func() bool { return received(first, second) == 8 })
	must(t, first.client.CommitUncommittedOffsets(limited(t)))
	must(t, second.client.CommitUncommittedOffsets(limited(t)))
	equal(t, "members", members(), before)
	now := look(first, func(m *member) int { return m.lost }) + look(second, func(m *member) int { return m.lost })
	equal(t, "taken away", now, lost)
	lags, err := kadm.NewClient(clientOf(t, process.Address())).Lag(limited(t), "group")
	must(t, err)
	equal(t, "lag", lags["group"].Lag.Total(), 0)
}
