package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// deadline is the longest wait for one event, generous for a loaded machine.
const deadline = 20 * time.Second

// unique returns a name no other test or earlier run has used.
func unique(what string) string {
	return "e2e.go." + what + "." + strings.ToLower(rand.Text()[:12])
}

// dial connects to the shared broker until the test ends.
func dial(t *testing.T) *amqp.Connection {
	t.Helper()
	return dialConfig(t, url, amqp.Config{})
}

func dialConfig(t *testing.T, url string, config amqp.Config) *amqp.Connection {
	t.Helper()
	readCacheBreaker()
	connection, err := amqp.DialConfig(url, config)
	must(t, err)
	t.Cleanup(func() { _ = connection.Close() }) // a test may have closed it
	return connection
}

func openChannel(t *testing.T, connection *amqp.Connection) *amqp.Channel {
	t.Helper()
	channel, err := connection.Channel()
	must(t, err)
	return channel
}

// confirming opens a channel with publisher confirms on a connection of its own.
func confirming(t *testing.T) *amqp.Channel {
	t.Helper()
	channel := openChannel(t, dial(t))
	must(t, channel.Confirm(false))
	return channel
}

// temporaryQueue declares a server-named exclusive queue: it goes away with the connection.
func temporaryQueue(t *testing.T, channel *amqp.Channel, arguments amqp.Table) string {
	t.Helper()
	queue, err := channel.QueueDeclare("", false, false, true, false, arguments)
	must(t, err)
	return queue.Name
}

// publish sends a message and waits until the broker has confirmed it.
func publish(t *testing.T, channel *amqp.Channel, exchange, key string, message amqp.Publishing) {
	t.Helper()
	if !publishAcked(t, channel, exchange, key, message) {
		t.Fatalf("the broker nacked a message to %q %q", exchange, key)
	}
}

// publishAcked sends a message and returns whether the broker answered with ack.
func publishAcked(t *testing.T, channel *amqp.Channel, exchange, key string, message amqp.Publishing) bool {
	t.Helper()
	limit, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	confirmation, err := channel.PublishWithDeferredConfirmWithContext(limit, exchange, key, false, false, message)
	must(t, err)
	acked, err := confirmation.WaitContext(limit)
	must(t, err)
	return acked
}

func text(body string) amqp.Publishing {
	return amqp.Publishing{ContentType: "text/plain", Body: []byte(body)}
}

func persistent(body string) amqp.Publishing {
	return amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(body)}
}

// consume starts a consumer with a tag of the client's choice.
func consume(t *testing.T, channel *amqp.Channel, queue string, autoAck bool) <-chan amqp.Delivery {
	t.Helper()
	deliveries, err := channel.Consume(queue, "", autoAck, false, false, false, nil)
	must(t, err)
	return deliveries
}

// receive takes the next value, or fails the test when none comes or the channel is closed.
func receive[T any](t *testing.T, values <-chan T, what string) T {
	t.Helper()
	select {
	case value, open := <-values:
		if !open {
			t.Fatalf("closed while waiting for %s", what)
		}
		return value
	case <-time.After(deadline):
		t.Fatalf("no %s within %v", what, deadline)
	}
	panic("unreachable")
}

// expectBodies takes as many deliveries as there are bodies and compares them.
func expectBodies(t *testing.T, deliveries <-chan amqp.Delivery, bodies ...string) []amqp.Delivery {
	t.Helper()
	var taken []amqp.Delivery
	for _, body := range bodies {
		delivery := receive(t, deliveries, "delivery of "+body)
		equal(t, "body", string(delivery.Body), body)
		taken = append(taken, delivery)
	}
	return taken
}

// get takes one message by basic.get.
func get(t *testing.T, channel *amqp.Channel, queue string, autoAck bool) amqp.Delivery {
	t.Helper()
	delivery, ok, err := channel.Get(queue, autoAck)
	must(t, err)
	if !ok {
		t.Fatalf("queue %q is empty", queue)
	}
	return delivery
}

// ready returns the number of messages ready for delivery.
func ready(t *testing.T, channel *amqp.Channel, queue string) int {
	t.Helper()
	state, err := channel.QueueDeclarePassive(queue, false, false, false, false, nil)
	must(t, err)
	return state.Messages
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

// expectError checks the reply code of an AMQP error and a part of its text.
func expectError(t *testing.T, err error, code int, part string) {
	t.Helper()
	var failure *amqp.Error
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want an AMQP error %d", err, code)
	}
	if failure.Code != code || !strings.Contains(failure.Reason, part) {
		t.Fatalf("got %d %q, want %d with %q", failure.Code, failure.Reason, code, part)
	}
}
