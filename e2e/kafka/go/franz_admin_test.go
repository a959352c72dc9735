package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

func TestTopicsAreMadeToldAndDeleted(t *testing.T) {
	admin, name, retention := kadm.NewClient(client(t)), unique("made"), "60000"
	made, err := admin.CreateTopic(limited(t), 3, 1, map[string]*string{"retention.ms": &retention}, name)
	must(t, err)
	equal(t, "partitions", made.NumPartitions, 3)
	await(t, "the topic", func() bool {
		told, err := admin.ListTopics(limited(t), name)
		return err == nil && told[name].Err == nil && len(told[name].Partitions) == 3 && told[name].ID == made.ID
	})
	configs, err := admin.DescribeTopicConfigs(limited(t), name)
	must(t, err)
	for _, config := range configs[0].Configs {
		if config.Key == "retention.ms" {
			equal(t, "retention.ms", config.MaybeValue(), "60000")
		}
	}
	again, _ := admin.CreateTopic(limited(t), 1, 1, nil, name)
	expect(t, again.Err, kerr.TopicAlreadyExists)
	_, err = admin.DeleteTopic(limited(t), name)
	must(t, err)
	gone, _ := admin.DeleteTopic(limited(t), name)
	expect(t, gone.Err, kerr.UnknownTopicOrPartition)
}

func TestRefusalsOfTheAdmin(t *testing.T) {
	admin, odd := kadm.NewClient(client(t)), "odd"
	for name, test := range map[string]struct {
		topic      string
		partitions int32
		configs    map[string]*string
		want       error
	}{
		"name":       {"a b", 1, nil, kerr.InvalidTopicException},
		"partitions": {unique("none"), 0, nil, kerr.InvalidPartitions},
		"config":     {unique("odd"), 1, map[string]*string{"no.such": &odd}, kerr.InvalidConfig},
		"value":      {unique("odd"), 1, map[string]*string{"cleanup.policy": &odd}, kerr.InvalidConfig},
	} {
		t.Run(name, func(t *testing.T) {
			told, _ := admin.CreateTopic(limited(t), test.partitions, 1, test.configs, test.topic)
			expect(t, told.Err, test.want)
		})
	}
}

func TestPartitionsAreAdded(t *testing.T) {
	topic, admin := topic(t, 1, nil), kadm.NewClient(client(t))
	told, err := admin.UpdatePartitions(limited(t), 3, topic)
	must(t, err)
	must(t, told.Error())
	await(t, "three partitions", func() bool {
		listed, err := admin.ListTopics(limited(t), topic)
		return err == nil && len(listed[topic].Partitions) == 3
	})
}

func TestConfigsAreAltered(t *testing.T) {
	topic, admin, value := topic(t, 1, nil), kadm.NewClient(client(t)), "2000"
	told, err := admin.AlterTopicConfigs(limited(t),
		[]kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &value}}, topic)
	must(t, err)
	must(t, told[0].Err)
	await(t, "the new value", func() bool {
		configs, err := admin.DescribeTopicConfigs(limited(t), topic)
		must(t, err)
		for _, config := range configs[0].Configs {
			if config.Key == "retention.ms" {
				return config.MaybeValue() == value
			}
		}
		return false
	})
}

func TestOffsetsAndDeletedRecords(t *testing.T) {
	topic, admin := filled(t), kadm.NewClient(client(t))
	var before kadm.Offsets
	before.Add(kadm.Offset{Topic: topic, Partition: 0, At: 2})
	told, err := admin.DeleteRecords(limited(t), before)
	must(t, err)
	must(t, told.Error())
	starts, err := admin.ListStartOffsets(limited(t), topic)
	must(t, err)
	ends, err := admin.ListEndOffsets(limited(t), topic)
	must(t, err)
	start, _ := starts.Lookup(topic, 0)
	end, _ := ends.Lookup(topic, 0)
	equal(t, "start", start.Offset, 2)
	equal(t, "end", end.Offset, 5)
	later, err := admin.ListOffsetsAfterMilli(limited(t), hourAgo.UnixMilli()+3500, topic)
	must(t, err)
	found, _ := later.Lookup(topic, 0)
	equal(t, "by time", found.Offset, 4)
}

func TestLagAndTheOffsetsOfAGroup(t *testing.T) {
	topic, group, admin := filled(t), unique("group"), kadm.NewClient(client(t))
	var wanted kadm.Offsets
	wanted.Add(kadm.Offset{Topic: topic, Partition: 0, At: 2, LeaderEpoch: -1, Metadata: "why"})
	must(t, admin.CommitAllOffsets(limited(t), group, wanted))
	offsets, err := admin.FetchOffsets(limited(t), group)
	must(t, err)
	committed, _ := offsets.Lookup(topic, 0)
	equal(t, "committed", committed.At, 2)
	equal(t, "metadata", committed.Metadata, "why")
	lags, err := admin.Lag(limited(t), group)
	must(t, err)
	equal(t, "state", lags[group].State, "Empty")
	equal(t, "lag", lags[group].Lag.TotalByTopic()[topic].Lag, 3)
	listed, err := admin.ListGroups(limited(t))
	must(t, err)
	equal(t, "protocol type", listed[group].Group, group)
	var gone kadm.TopicsSet
	gone.Add(topic, 0)
	deleted, err := admin.DeleteOffsets(limited(t), group, gone)
	must(t, err)
	must(t, deleted.Error())
	_, err = admin.DeleteGroup(limited(t), group)
	if err != nil {
		expect(t, err, kerr.GroupIDNotFound) // with its last offset the group may be gone already
	}
	again, err := admin.DeleteGroup(limited(t), group)
	if err == nil {
		err = again.Err
	}
	expect(t, err, kerr.GroupIDNotFound)
}

func TestTheClusterIsTold(t *testing.T) {
	told, err := kadm.NewClient(client(t)).BrokerMetadata(limited(t))
	must(t, err)
	equal(t, "brokers", len(told.Brokers), 1)
	equal(t, "controller", told.Controller, told.Brokers[0].NodeID)
	if told.Cluster == "" {
		t.Fatal("no cluster id")
	}
}
