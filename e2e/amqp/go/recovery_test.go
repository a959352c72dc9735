package e2e

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/narumq/narumq/e2e/amqp/go/broker"
	amqp "github.com/rabbitmq/amqp091-go"
)

// ownBroker starts a broker the test may kill, or skips the test.
func ownBroker(t *testing.T) *broker.Process {
	t.Helper()
	if broker.External != "" {
		const reason = "NOT RUN: NARUMQ_E2E_AMQP names an external broker, which must not be killed; set NARUMQ_BIN to run it"
		fmt.Fprintln(os.Stderr, t.Name(), reason)
		t.Skip(reason)
	}
	process, err := broker.Start()
	must(t, err)
	t.Cleanup(process.Dispose)
	return process
}

// publishUntilClosed publishes 0, 1, 2, … until the connection is lost. It calls full once that many
// messages are confirmed, and returns the confirmed ones and how many were published.
func publishUntilClosed(t *testing.T, connection *amqp.Connection, exchange string, enough int, full func()) (map[int]bool, int) {
	t.Helper()
	const window = 200
	channel := openChannel(t, connection)
	must(t, channel.Confirm(false))
	// The client closes this channel when the connection is lost, which ends the loop below.
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, window))
	confirmed := map[int]bool{}
	published := 0
	for lost := false; ; {
		for !lost && published < len(confirmed)+window {
			err := channel.PublishWithContext(t.Context(), exchange, "k", false, false, persistent(strconv.Itoa(published)))
			if lost = err != nil; !lost {
				published++
			}
		}
		select {
		case confirmation, open := <-confirms:
			if !open {
				return confirmed, published
			}
			if confirmation.Ack {
				confirmed[int(confirmation.DeliveryTag)-1] = true
			}
			if len(confirmed) == enough {
				full()
			}
		case <-time.After(deadline):
			t.Fatal("neither a confirm nor the end of the connection")
		}
	}
}

func TestConfirmedMessagesSurviveSIGKILL(t *testing.T) {
	process := ownBroker(t)
	connection := dialConfig(t, process.URL(), amqp.Config{})
	closed := connection.NotifyClose(make(chan *amqp.Error, 1))
	channel := openChannel(t, connection)
	must(t, channel.Confirm(false))
	exchange, queue, transient := unique("exchange"), unique("durable"), unique("transient")
	must(t, channel.ExchangeDeclare(exchange, amqp.ExchangeDirect, true, false, false, false, nil))
	_, err := channel.QueueDeclare(queue, true, false, false, false, nil)
	must(t, err)
	must(t, channel.QueueBind(queue, "k", exchange, false, nil))
	_, err = channel.QueueDeclare(transient, false, false, false, false, nil)
	must(t, err)

	confirmed, published := publishUntilClosed(t, connection, exchange, 1000, process.Kill)
	receive(t, closed, "connection close")
	must(t, process.Restart())

	again := openChannel(t, dialConfig(t, process.URL(), amqp.Config{}))
	must(t, again.Confirm(false))
	count := ready(t, again, queue)
	if count < len(confirmed) || count > published {
		t.Fatalf("%d messages after the restart; %d were confirmed, %d published", count, len(confirmed), published)
	}
	must(t, again.Qos(100, 0, false))
	deliveries := consume(t, again, queue, false)
	last := -1
	for range count {
		delivery := receive(t, deliveries, "delivery")
		must(t, delivery.Ack(false))
		number, err := strconv.Atoi(string(delivery.Body))
		must(t, err)
		if number <= last {
			t.Fatalf("%d came after %d", number, last)
		}
		last = number
		delete(confirmed, number)
	}
	if len(confirmed) > 0 {
		t.Fatalf("%d confirmed messages are lost", len(confirmed))
	}
	publish(t, again, exchange, "k", text("the binding is there"))
	expectBodies(t, deliveries, "the binding is there")
	_, err = again.QueueDeclarePassive(transient, false, false, false, false, nil)
	expectError(t, err, amqp.NotFound, transient)
}

func TestTheRecoveringConnectionConsumesOn(t *testing.T) {
	process := ownBroker(t)
	connection := dialConfig(t, process.URL(), amqp.Config{Recovery: &amqp.Recovery{
		ReconnectionConfig: &amqp.ReconnectionConfig{MaxRetryCount: 1000, RetryInterval: 50 * time.Millisecond},
	}})
	states := make(chan *amqp.StateChanged, 16)
	connection.NotifyStateChange(states)
	channel := openChannel(t, connection)
	must(t, channel.Confirm(false))
	queue, transient := unique("recovering"), unique("transient")
	_, err := channel.QueueDeclare(queue, true, false, false, false, nil)
	must(t, err)
	_, err = channel.QueueDeclare(transient, false, true, true, false, nil)
	must(t, err)
	must(t, channel.Qos(5, 0, false))
	for i := range 20 {
		publish(t, channel, "", queue, persistent(strconv.Itoa(i)))
	}
	deliveries := consume(t, channel, queue, false)
	expectBodies(t, deliveries, "0", "1", "2", "3", "4") // held, not acknowledged: they must come again

	process.Kill()
	must(t, process.Restart())
	for receive(t, states, "recovery").To != amqp.StateOpen {
	}
	for i := range 20 {
		must(t, expectBodies(t, deliveries, strconv.Itoa(i))[0].Ack(false))
	}
	equal(t, "ready", ready(t, channel, transient), 0)
	publish(t, channel, "", queue, persistent("after"))
	expectBodies(t, deliveries, "after")
}
