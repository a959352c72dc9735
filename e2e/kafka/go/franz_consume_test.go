package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// filled makes a topic of two partitions with "0" to "4" in the first.
func filled(t *testing.T) string {
	t.Helper()
	name := topic(t, 2, nil)
	send(t, manual(t), name, 0, numbers(5)...)
	return name
}

func at(topic string, offset kgo.Offset) kgo.Opt {
	return kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: offset}})
}

func TestWhereToBegin(t *testing.T) {
	topic := filled(t)
	for name, test := range map[string]struct {
		offset kgo.Offset
		first  string
	}{
		"start":       {kgo.NewOffset().AtStart(), "0"},
		"offset":      {kgo.NewOffset().At(3), "3"},
		"relative":    {kgo.NewOffset().AtEnd().Relative(-2), "3"},
		"time":        {kgo.NewOffset().AfterMilli(hourAgo.Add(1500 * time.Millisecond).UnixMilli()), "2"},
		"far":         {kgo.NewOffset().At(99), "4"},
		"out, to end": {kgo.NewOffset().AtEnd().Relative(-1), "4"},
	} {
		t.Run(name, func(t *testing.T) {
			// Beyond the end the client resets to the offset it is told here.
			consumer := client(t, at(topic, test.offset), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd().Relative(-1)))
			equal(t, "first", values(take(t, consumer, 1))[0], test.first)
		})
	}
}

func TestFromTheEnd(t *testing.T) {
	topic := filled(t)
	consumer := client(t, at(topic, kgo.NewOffset().AtEnd()))
	brief, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	equal(t, "records", consumer.PollFetches(brief).NumRecords(), 0)
	send(t, manual(t), topic, 0, "5")
	equalAll(t, "values", values(take(t, consumer, 1)), []string{"5"})
}

func TestOutOfRangeIsTold(t *testing.T) {
	consumer := client(t, at(filled(t), kgo.NewOffset().At(99)), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	expect(t, consumer.PollFetches(limited(t)).Err(), kerr.OffsetOutOfRange)
}

func TestPauseAndResume(t *testing.T) {
	topic := filled(t)
	consumer := client(t, kgo.ConsumeTopics(topic))
	consumer.PauseFetchPartitions(map[string][]int32{topic: {0}})
	send(t, manual(t), topic, 1, "other")
	equalAll(t, "values", values(take(t, consumer, 1)), []string{"other"})
	consumer.ResumeFetchPartitions(map[string][]int32{topic: {0}})
	equalAll(t, "values", values(take(t, consumer, 5)), numbers(5))
}

func TestSmallFetchesReachTheEnd(t *testing.T) {
	consumer := client(t, kgo.ConsumeTopics(filled(t)), kgo.FetchMaxBytes(1), kgo.FetchMaxPartitionBytes(1))
	equalAll(t, "values", values(take(t, consumer, 5)), numbers(5))
}

func TestWhatIsCommittedIsRemembered(t *testing.T) {
	topic, group := filled(t), unique("group")
	member := []kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit()}
	first := client(t, member...)
	records := take(t, first, 5)
	must(t, first.CommitRecords(limited(t), records[2]))
	first.Close()
	equalAll(t, "values", values(take(t, client(t, member...), 2)), []string{"3", "4"})
	offsets, err := kadm.NewClient(client(t)).FetchOffsets(limited(t), group)
	must(t, err)
	committed, _ := offsets.Lookup(topic, 0)
	equal(t, "committed", committed.At, 3)
}

func TestAutoCommitWhenItLeaves(t *testing.T) {
	topic, group := filled(t), unique("group")
	first := client(t, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic))
	take(t, first, 5)
	must(t, first.CommitUncommittedOffsets(limited(t)))
	first.Close()
	lags, err := kadm.NewClient(client(t)).Lag(limited(t), group)
	must(t, err)
	equal(t, "lag", lags[group].Lag.Total(), 0)
}
