package e2e

import (
	"context"
	"sort"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// member is a consumer of a group that polls in a goroutine of its own.
type member struct {
	client *kgo.Client
	done   context.CancelFunc
	ended  chan struct{}

	mutex   sync.Mutex
	has     map[int32]bool
	lost    int // partitions that were taken away
	records []*kgo.Record
}

func join(t *testing.T, address, topic, group string, options ...kgo.Opt) *member {
	t.Helper()
	one := &member{has: map[int32]bool{}, ended: make(chan struct{})}
	change := func(given bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			one.mutex.Lock()
			defer one.mutex.Unlock()
			for _, partition := range partitions[topic] {
				if given {
					one.has[partition] = true
				} else {
					delete(one.has, partition)
					one.lost++
				}
			}
		}
	}
	one.client = clientOf(t, address, append([]kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.HeartbeatInterval(300 * time.Millisecond), kgo.SessionTimeout(10 * time.Second),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)),
	}, options...)...)
	var polling context.Context
	polling, one.done = context.WithCancel(context.Background())
	go func() {
		defer close(one.ended)
		for polling.Err() == nil {
			fetches := one.client.PollFetches(polling)
			one.mutex.Lock()
			one.records = append(one.records, fetches.Records()...)
			one.mutex.Unlock()
		}
	}()
	t.Cleanup(one.leave)
	return one
}

func (m *member) leave() {
	m.done()
	<-m.ended
	m.client.Close()
}

// look reads what the member knows.
func look[T any](m *member, at func(*member) T) T {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return at(m)
}

func received(members ...*member) int {
	count := 0
	for _, one := range members {
		count += look(one, func(m *member) int { return len(m.records) })
	}
	return count
}

// share waits until the members share all partitions, and returns how many each has, in order.
func share(t *testing.T, partitions int, members ...*member) string {
	t.Helper()
	var sizes []string
	await(t, "shares", func() bool {
		sizes = nil
		all, sum, idle := map[int32]bool{}, 0, false
		for _, one := range members {
			size := look(one, func(m *member) int {
				for partition := range m.has {
					all[partition] = true
				}
				return len(m.has)
			})
			sum, idle = sum+size, idle || size == 0
			sizes = append(sizes, strconv.Itoa(size))
		}
		return !idle && sum == partitions && len(all) == partitions
	})
	sort.Strings(sizes)
	whole := ""
	for _, size := range sizes {
		whole += size
	}
	return whole
}

func TestThreeMembersShare(t *testing.T) {
	for name, balancer := range map[string]kgo.GroupBalancer{
		"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(), "sticky": kgo.StickyBalancer(),
		"cooperative-sticky": kgo.CooperativeStickyBalancer(),
	} {
		t.Run(name, func(t *testing.T) {
			topic, group := topic(t, 6, nil), unique("group")
			var members []*member
			for range 3 {
				members = append(members, join(t, address, topic, group, kgo.Balancers(balancer)))
			}
			equal(t, "shares", share(t, 6, members...), "222")
			producer := manual(t)
			for partition := range int32(6) {
				send(t, producer, topic, partition, "a", "b")
			}
			await(t, "all records", func() bool { return received(members...) == 12 })
			for _, one := range members {
				must(t, one.client.CommitUncommittedOffsets(limited(t)))
			}
			members[1].leave()
			equal(t, "shares", share(t, 6, members[0], members[2]), "33")
			send(t, producer, topic, 5, "after")
			await(t, "the record after", func() bool { return received(members...) == 13 })
			described, err := kadm.NewClient(client(t)).DescribeGroups(limited(t), group)
			must(t, err)
			told := described[group]
			equal(t, "state", told.State+" "+told.ProtocolType+" "+told.Protocol, "Stable consumer "+name)
		})
	}
}

func TestACooperativeRebalanceKeepsWhatStays(t *testing.T) {
	topic, group := topic(t, 4, nil), unique("group")
	first := join(t, address, topic, group)
	share(t, 4, first)
	second := join(t, address, topic, group)
	equal(t, "shares", share(t, 4, first, second), "22")
	equal(t, "taken away", look(first, func(m *member) int { return m.lost }), 2)
	equal(t, "taken away", look(second, func(m *member) int { return m.lost }), 0)
}

func TestAStaticMemberComesBackUnnoticed(t *testing.T) {
	topic, group := topic(t, 4, nil), unique("group")
	stays := join(t, address, topic, group, kgo.InstanceID("seat-1"))
	goes := join(t, address, topic, group, kgo.InstanceID("seat-2"))
	share(t, 4, stays, goes)
	lost := look(stays, func(m *member) int { return m.lost })
	goes.leave() // a static member does not say goodbye
	back := join(t, address, topic, group, kgo.InstanceID("seat-2"))
	equal(t, "shares", share(t, 4, stays, back), "22")
	equal(t, "taken away", look(stays, func(m *member) int { return m.lost }), lost)
}
