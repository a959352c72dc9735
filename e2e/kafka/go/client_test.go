package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/narumq/narumq/e2e/kafka/go/broker"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// deadline is the longest wait for one event, generous for a loaded machine.
const deadline = 30 * time.Second

// hourAgo is an hour ago in whole seconds: records of other years would be deleted by retention.
var hourAgo = time.Now().Add(-time.Hour).Truncate(time.Second)

// unique returns a name no other test or earlier run has used.
func unique(what string) string {
	return "e2e.go." + what + "." + strings.ToLower(rand.Text()[:12])
}

func limited(t *testing.T) context.Context {
	t.Helper()
	limit, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return limit
}

// ownBroker starts a broker the test may kill, or skips the test.
func ownBroker(t *testing.T) *broker.Process {
	t.Helper()
	if broker.External != "" {
		const reason = "NOT RUN: NARUMQ_E2E_KAFKA names an external broker, which must not be killed; set NARUMQ_BIN to run it"
		fmt.Fprintln(os.Stderr, t.Name(), reason)
		t.Skip(reason)
	}
	process, err := broker.Start()
	must(t, err)
	t.Cleanup(process.Dispose)
	return process
}

// client opens a franz-go client of the shared broker; it is closed when the test ends.
func client(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	return clientOf(t, address, options...)
}

func clientOf(t *testing.T, address string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	readCacheBreaker()
	opened, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(address)}, options...)...)
	must(t, err)
	t.Cleanup(opened.Close)
	return opened
}

// topic makes a topic that goes away with the test and waits until it has its leaders.
func topic(t *testing.T, partitions int32, configs map[string]*string) string {
	t.Helper()
	return topicOf(t, address, partitions, configs)
}

func topicOf(t *testing.T, address string, partitions int32, configs map[string]*string) string {
	t.Helper()
	name := unique("topic")
	admin := kadm.NewClient(clientOf(t, address))
	_, err := admin.CreateTopic(limited(t), partitions, 1, configs, name)
	must(t, err)
	t.Cleanup(func() {
		gone, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_, _ = admin.DeleteTopic(gone, name) // the broker may be gone too
	})
	await(t, "leaders of "+name, func() bool {
		ends, err := admin.ListEndOffsets(limited(t), name)
		return err == nil && ends.Error() == nil && len(ends[name]) == int(partitions)
	})
	return name
}

// send produces these values to a partition, a second of record time apart, and waits for the acks.
func send(t *testing.T, from *kgo.Client, topic string, partition int32, values ...string) {
	t.Helper()
	var records []*kgo.Record
	for i, value := range values {
		at := hourAgo.Add(time.Duration(i) * time.Second)
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value), Timestamp: at})
	}
	must(t, from.ProduceSync(limited(t), records...).FirstErr())
}

// manual is a producer whose records name their partition.
func manual(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	return client(t, append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
}

// take polls until so many records have come.
func take(t *testing.T, from *kgo.Client, count int) []*kgo.Record {
	t.Helper()
	limit := limited(t)
	var taken []*kgo.Record
	for len(taken) < count {
		fetches := from.PollFetches(limit)
		if limit.Err() != nil {
			t.Fatalf("%d of %d records came within %v", len(taken), count, deadline)
		}
		must(t, fetches.Err())
		taken = append(taken, fetches.Records()...)
	}
	return taken
}

// read returns the values of a partition from its start.
func read(t *testing.T, topic string, partition int32, count int) []string {
	t.Helper()
	from := kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().AtStart()}})
	return values(take(t, client(t, from), count))
}

func values(records []*kgo.Record) []string {
	var found []string
	for _, record := range records {
		found = append(found, string(record.Value))
	}
	return found
}

// numbers returns "0", "1", … below count.
func numbers(count int) []string {
	var all []string
	for i := range count {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

// await looks again and again until the event is there.
func await(t *testing.T, what string, look func() bool) {
	t.Helper()
	late := time.After(deadline)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !look() {
		select {
		case <-poll.C:
		case <-late:
			t.Fatalf("no %s within %v", what, deadline)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func equalAll(t *testing.T, what string, got, want []string) {
	t.Helper()
	equal(t, what, strings.Join(got, "|"), strings.Join(want, "|"))
}

func expect(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}
