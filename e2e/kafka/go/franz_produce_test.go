package e2e

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestEveryCodecComesBack(t *testing.T) {
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			topic := topic(t, 1, nil)
			var sent []string
			for i := range 100 {
				sent = append(sent, strings.Repeat("value "+strconv.Itoa(i), 50))
			}
			send(t, manual(t, kgo.ProducerBatchCompression(codec)), topic, 0, sent...)
			equalAll(t, "values", read(t, topic, 0, 100), sent)
		})
	}
}

func TestEveryPartOfARecordComesBack(t *testing.T) {
	topic := topic(t, 1, nil)
	at := hourAgo.Add(123 * time.Millisecond)
	headers := []kgo.RecordHeader{
		{Key: "plain", Value: []byte("text")}, {Key: "twice", Value: []byte{1}}, {Key: "twice", Value: []byte{2}},
		{Key: "null"}, {Key: "binary", Value: bytes.Repeat([]byte{0, 255}, 100)}, {Key: "", Value: []byte{}},
	}
	must(t, client(t).ProduceSync(limited(t), &kgo.Record{
		Topic: topic, Key: []byte{0, 255}, Value: []byte("value"), Headers: headers, Timestamp: at,
	}).FirstErr())
	got := take(t, client(t, kgo.ConsumeTopics(topic)), 1)[0]
	if !bytes.Equal(got.Key, []byte{0, 255}) || string(got.Value) != "value" || !got.Timestamp.Equal(at) {
		t.Fatalf("got %+v", got)
	}
	equal(t, "headers", len(got.Headers), len(headers))
	for i, header := range headers {
		same := got.Headers[i].Key == header.Key && bytes.Equal(got.Headers[i].Value, header.Value)
		if !same || (header.Value == nil) != (got.Headers[i].Value == nil) {
			t.Fatalf("header %d: got %+v, want %+v", i, got.Headers[i], header)
		}
	}
}

func TestNothingIsNotTheSameAsEmpty(t *testing.T) {
	topic := topic(t, 1, nil)
	producer := client(t)
	for _, pair := range [][2][]byte{{{1}, nil}, {{1}, {}}, {nil, {2}}, {{}, {2}}} {
		must(t, producer.ProduceSync(limited(t), &kgo.Record{Topic: topic, Key: pair[0], Value: pair[1]}).FirstErr())
	}
	got := take(t, client(t, kgo.ConsumeTopics(topic)), 4)
	if got[0].Value != nil || got[1].Value == nil || got[2].Key != nil || got[3].Key == nil {
		t.Fatalf("null and empty are mixed up: %+v", got)
	}
}

func TestEveryKindOfAcks(t *testing.T) {
	for name, acks := range map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()} {
		t.Run(name, func(t *testing.T) {
			topic := topic(t, 1, nil)
			send(t, manual(t, kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite()), topic, 0, "a", "b", "c")
			equalAll(t, "values", read(t, topic, 0, 3), []string{"a", "b", "c"})
		})
	}
}

func TestTheIdempotentProducerKeepsItsOrder(t *testing.T) {
	topic := topic(t, 1, nil)
	producer := client(t, kgo.MaxBufferedRecords(100), kgo.ProducerBatchMaxBytes(1000))
	failed := make(chan error, 2000)
	for i := range 2000 {
		record := &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(i))}
		producer.Produce(limited(t), record, func(_ *kgo.Record, err error) { failed <- err })
	}
	for range 2000 {
		must(t, <-failed)
	}
	equalAll(t, "values", read(t, topic, 0, 2000), numbers(2000))
}

func TestATopicIsMadeWhenFirstWritten(t *testing.T) {
	topic := unique("made")
	producer := client(t, kgo.AllowAutoTopicCreation())
	must(t, producer.ProduceSync(limited(t), &kgo.Record{Topic: topic, Value: []byte("first")}).FirstErr())
	equalAll(t, "values", read(t, topic, 0, 1), []string{"first"})
}

func TestRefusalsOfRecords(t *testing.T) {
	small, compact := "10000", "compact"
	limited10k := topic(t, 1, map[string]*string{"max.message.bytes": &small})
	compacted := topic(t, 1, map[string]*string{"cleanup.policy": &compact})
	once := kgo.UnknownTopicRetries(1)
	for name, test := range map[string]struct {
		record *kgo.Record
		want   error
	}{
		"too large": {&kgo.Record{Topic: limited10k, Value: make([]byte, 20_000)}, kerr.MessageTooLarge},
		"keyless":   {&kgo.Record{Topic: compacted, Value: []byte("v")}, kerr.InvalidRecord},
		"unknown":   {&kgo.Record{Topic: unique("absent"), Value: []byte("v")}, kerr.UnknownTopicOrPartition},
		"bad name":  {&kgo.Record{Topic: "a b", Value: []byte("v")}, kerr.InvalidTopicException},
	} {
		t.Run(name, func(t *testing.T) {
			producer := client(t, once, kgo.ProducerBatchCompression(kgo.NoCompression()))
			expect(t, producer.ProduceSync(limited(t), test.record).FirstErr(), test.want)
		})
	}
	must(t, client(t).ProduceSync(limited(t), &kgo.Record{Topic: limited10k, Value: []byte("small")}).FirstErr())
}
