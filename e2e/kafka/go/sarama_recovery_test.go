package e2e

import (
	"strconv"
	"testing"
	"time"

	"github.com/IBM/sarama"
	old "github.com/Shopify/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const retries = 1000

func TestSaramaLosesAndDoublesNothing(t *testing.T) {
	const count = 2000
	process := ownBroker(t)
	topic := topicOf(t, process.Address(), 1, nil)
	config := saramaConfig()
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.Retry.Max, config.Producer.Retry.Backoff = retries, 50*time.Millisecond
	config.Metadata.Retry.Max, config.Metadata.Retry.Backoff = retries, 50*time.Millisecond
	config.Producer.Flush.MaxMessages = 20
	producer, err := sarama.NewAsyncProducer([]string{process.Address()}, config)
	must(t, err)
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		told := 0
		for told < count {
			select {
			case <-producer.Successes():
				told++
			case err := <-producer.Errors():
				failed <- err
				return
			}
		}
	}()
	for i := range count {
		producer.Input() <- &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(strconv.Itoa(i))}
		if i == count/2 {
			process.Kill()
			must(t, process.Restart())
		}
	}
	must(t, <-failed)
	must(t, producer.Close())
	consumer := clientOf(t, process.Address(), at(topic, kgo.NewOffset().AtStart()))
	equalAll(t, "values", values(take(t, consumer, count)), numbers(count))
}

func TestOldSaramaSendsAgain(t *testing.T) {
	const count = 200
	process := ownBroker(t)
	topic := topicOf(t, process.Address(), 1, nil)
	config := oldConfig()
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.Retry.Max, config.Producer.Retry.Backoff = retries, 50*time.Millisecond
	config.Metadata.Retry.Max, config.Metadata.Retry.Backoff = retries, 50*time.Millisecond
	producer, err := old.NewSyncProducer([]string{process.Address()}, config)
	must(t, err)
	defer producer.Close()
	for i := range count {
		if i == count/2 {
			process.Kill()
			must(t, process.Restart())
		}
		_, offset, err := producer.SendMessage(&old.ProducerMessage{Topic: topic, Value: old.StringEncoder(strconv.Itoa(i))})
		must(t, err)
		equal(t, "offset", offset, int64(i))
	}
	consumer := clientOf(t, process.Address(), at(topic, kgo.NewOffset().AtStart()))
	equalAll(t, "values", values(take(t, consumer, count)), numbers(count))
}

// sarama joins again when its connection is lost; its member and what it committed must still be known.
func TestSaramaMembersGoOnAfterAKill(t *testing.T) {
	process := ownBroker(t)
	topic := topicOf(t, process.Address(), 4, nil)
	strategy := sarama.NewBalanceStrategyRange()
	first := joinSarama(t, process.Address(), topic, "group", strategy)
	second := joinSarama(t, process.Address(), topic, "group", strategy)
	shares := func() bool {
		one, _ := first.size()
		two, _ := second.size()
		return one == 2 && two == 2
	}
	received := func(want int) func() bool {
		return func() bool {
			_, one := first.size()
			_, two := second.size()
			return one+two == want
		}
	}
	await(t, "shares of two", shares)
	producer := clientOf(t, process.Address(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	admin := kadm.NewClient(clientOf(t, process.Address()))
	lag := func(want int64) func() bool {
		return func() bool {
			lags, err := admin.Lag(limited(t), "group")
			return err == nil && lags["group"].Lag.Total() == want
		}
	}
	for partition := range int32(4) {
		send(t, producer, topic, partition, "before")
	}
	await(t, "the messages before", received(4))
	await(t, "the commits before", lag(0))
	process.Kill()
	must(t, process.Restart())
	for partition := range int32(4) {
		send(t, producer, topic, partition, "after")
	}
	// Each message once: none from before comes again, for its offset was committed.
	await(t, "the messages after", received(8))
	await(t, "the commits after", lag(0))
}
