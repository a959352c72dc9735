package e2e

import (
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

func fill(t *testing.T, channel *amqp.Channel, queue string, count int) {
	t.Helper()
	for i := range count {
		publish(t, channel, "", queue, text(fmt.Sprintf("m%d", i+1)))
	}
}

func TestPrefetchBoundsWhatIsUnacknowledged(t *testing.T) {
	channel := confirming(t)
	queue := temporaryQueue(t, channel, nil)
	fill(t, channel, queue, 8)
	must(t, channel.Qos(3, 0, false))
	deliveries := consume(t, channel, queue, false)
	first := expectBodies(t, deliveries, "m1", "m2", "m3")
	equal(t, "ready", ready(t, channel, queue), 5)
	must(t, first[1].Ack(true))
	expectBodies(t, deliveries, "m4", "m5")
	equal(t, "ready", ready(t, channel, queue), 3)
	must(t, first[2].Nack(false, false))
	expectBodies(t, deliveries, "m6")
	equal(t, "ready", ready(t, channel, queue), 2)
}

func TestSharedPrefetchBoundsAllConsumersOfAChannel(t *testing.T) {
	channel := confirming(t)
	first, second := temporaryQueue(t, channel, nil), temporaryQueue(t, channel, nil)
	must(t, channel.Qos(2, 0, true))
	fill(t, channel, first, 2)
	fill(t, channel, second, 2)
	held := expectBodies(t, consume(t, channel, first, false), "m1", "m2")
	blocked := consume(t, channel, second, false)
	equal(t, "ready", ready(t, channel, second), 2)
	must(t, held[0].Ack(false))
	expectBodies(t, blocked, "m1")
	equal(t, "ready", ready(t, channel, second), 1)
}

func TestNackAndRejectRequeueOrDrop(t *testing.T) {
	channel := confirming(t)
	queue := temporaryQueue(t, channel, nil)
	fill(t, channel, queue, 3)
	var held []amqp.Delivery
	for range 3 {
		delivery := get(t, channel, queue, false)
		equal(t, "redelivered", delivery.Redelivered, false)
		held = append(held, delivery)
	}
	equal(t, "remaining", held[0].MessageCount, 2)
	must(t, held[2].Reject(true))
	must(t, held[1].Reject(false))
	must(t, held[0].Nack(false, true))
	for _, body := range []string{"m1", "m3"} {
		again := get(t, channel, queue, true)
		equal(t, "body", string(again.Body), body)
		equal(t, "redelivered", again.Redelivered, true)
	}
	if _, ok, err := channel.Get(queue, true); ok || err != nil {
		t.Fatalf("queue is not empty: %v %v", ok, err)
	}
}

func TestClosingAConnectionRequeuesInOrder(t *testing.T) {
	channel := confirming(t)
	queue := unique("requeue")
	_, err := channel.QueueDeclare(queue, false, false, false, false, amqp.Table{amqp.QueueTTLArg: int32(60_000)})
	must(t, err)
	fill(t, channel, queue, 4)
	holder := dial(t)
	expectBodies(t, consume(t, openChannel(t, holder), queue, false), "m1", "m2", "m3", "m4")
	must(t, holder.Close())
	for _, delivery := range expectBodies(t, consume(t, channel, queue, false), "m1", "m2", "m3", "m4") {
		equal(t, "redelivered", delivery.Redelivered, true)
		must(t, delivery.Ack(false))
	}
	deleted, err := channel.QueueDelete(queue, false, false, false)
	must(t, err)
	equal(t, "left", deleted, 0)
}

func TestUnknownDeliveryTagClosesTheChannel(t *testing.T) {
	channel := openChannel(t, dial(t))
	closed := channel.NotifyClose(make(chan *amqp.Error, 1))
	must(t, channel.Ack(42, false))
	expectError(t, receive(t, closed, "channel close"), amqp.PreconditionFailed, "unknown delivery tag 42")
}

func TestNotifyCancelWhenTheQueueIsDeleted(t *testing.T) {
	channel := openChannel(t, dial(t))
	cancelled := channel.NotifyCancel(make(chan string, 1))
	queue := temporaryQueue(t, channel, nil)
	_, err := channel.Consume(queue, "my tag", true, false, false, false, nil)
	must(t, err)
	_, err = channel.QueueDelete(queue, false, false, false)
	must(t, err)
	equal(t, "tag", receive(t, cancelled, "cancel"), "my tag")
}

func TestAnExclusiveConsumerKeepsOthersOut(t *testing.T) {
	connection := dial(t)
	channel := openChannel(t, connection)
	queue := temporaryQueue(t, channel, nil)
	_, err := channel.Consume(queue, "", true, true, false, false, nil)
	must(t, err)
	_, err = openChannel(t, connection).Consume(queue, "", true, false, false, false, nil)
	expectError(t, err, amqp.AccessRefused, fmt.Sprintf("queue '%s' in vhost '/' in exclusive use", queue))
}

func TestASingleActiveConsumerIsFollowedByTheNext(t *testing.T) {
	channel := confirming(t)
	queue := temporaryQueue(t, channel, amqp.Table{amqp.SingleActiveConsumerArg: true})
	active, err := channel.Consume(queue, "active", true, false, false, false, nil)
	must(t, err)
	standby := consume(t, channel, queue, true)
	fill(t, channel, queue, 2)
	expectBodies(t, active, "m1", "m2")
	must(t, channel.Cancel("active", false))
	fill(t, channel, queue, 1)
	expectBodies(t, standby, "m1")
}

func TestPrioritiesOrderAQueue(t *testing.T) {
	channel := confirming(t)
	queue := temporaryQueue(t, channel, amqp.Table{"x-max-priority": int32(10)})
	for _, priority := range []uint8{0, 10, 5, 10, 1} {
		publish(t, channel, "", queue, amqp.Publishing{Priority: priority, Body: []byte(fmt.Sprint(priority))})
	}
	expectBodies(t, consume(t, channel, queue, true), "10", "10", "5", "1", "0")
}
