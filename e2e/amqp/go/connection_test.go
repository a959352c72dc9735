package e2e

import (
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestServerPropertiesNameTheCapabilities(t *testing.T) {
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName("e2e connection properties")
	properties["custom"] = amqp.Table{"nested": int32(1), "bytes": []byte{0, 255}}
	connection := dialConfig(t, url, amqp.Config{Properties: properties})
	for _, name := range []string{"product", "version", "platform"} {
		if value, ok := connection.Properties[name].(string); !ok || value == "" {
			t.Errorf("server property %s is %v", name, connection.Properties[name])
		}
	}
	capabilities, ok := connection.Properties["capabilities"].(amqp.Table)
	if !ok {
		t.Fatalf("capabilities: %v", connection.Properties["capabilities"])
	}
	for _, name := range []string{
		"publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
		"connection.blocked", "consumer_priorities", "authentication_failure_close", "per_consumer_qos",
		"direct_reply_to",
	} {
		equal(t, name, capabilities[name], any(true))
	}
}

func TestTuningIsNegotiatedToTheSmallerValue(t *testing.T) {
	connection := dialConfig(t, url, amqp.Config{FrameSize: 8192, ChannelMax: 3, Heartbeat: 7 * time.Second})
	equal(t, "frame size", connection.Config.FrameSize, 8192)
	equal(t, "channel max", connection.Config.ChannelMax, 3)
	equal(t, "heartbeat", connection.Config.Heartbeat, 7*time.Second)
	for range 3 {
		openChannel(t, connection)
	}
	if _, err := connection.Channel(); err == nil {
		t.Fatal("a fourth channel was opened")
	}
}

func TestHeartbeatsKeepAnIdleConnection(t *testing.T) {
	connection := dialConfig(t, url, amqp.Config{Heartbeat: time.Second})
	channel := openChannel(t, connection)
	must(t, channel.Confirm(false))
	dead := temporaryQueue(t, channel, nil)
	// Four heartbeat intervals pass without a message in either direction.
	waiting := temporaryQueue(t, channel, amqp.Table{
		"x-message-ttl": int32(4000), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead,
	})
	deliveries := consume(t, channel, dead, true)
	publish(t, channel, "", waiting, text("still here"))
	expectBodies(t, deliveries, "still here")
	equal(t, "ready", ready(t, channel, waiting), 0)
}

func TestWrongPasswordIsRefused(t *testing.T) {
	_, err := amqp.DialConfig(url, amqp.Config{SASL: []amqp.Authentication{
		&amqp.PlainAuth{Username: "guest", Password: "wrong"},
	}})
	expectError(t, err, amqp.AccessRefused, "")
}

func TestAMQPlainIsAccepted(t *testing.T) {
	connection := dialConfig(t, url, amqp.Config{SASL: []amqp.Authentication{
		&amqp.AMQPlainAuth{Username: "guest", Password: "guest"},
	}})
	openChannel(t, connection)
}

func TestMissingVirtualHostIsRefused(t *testing.T) {
	_, err := amqp.DialConfig(url, amqp.Config{Vhost: "missing"})
	expectError(t, err, amqp.NotAllowed, "missing")
}

func TestNotifyCloseTellsWhyAChannelWasClosed(t *testing.T) {
	connection := dial(t)
	channel := openChannel(t, connection)
	closed := channel.NotifyClose(make(chan *amqp.Error, 1))
	missing := unique("missing")
	_, err := channel.QueueDeclarePassive(missing, false, false, false, false, nil)
	reason := "NOT_FOUND - no queue '" + missing + "' in vhost '/'"
	expectError(t, err, amqp.NotFound, reason)
	failure := receive(t, closed, "channel close")
	expectError(t, failure, amqp.NotFound, reason)
	if !failure.Server || !channel.IsClosed() || connection.IsClosed() {
		t.Fatalf("server %v, channel closed %v, connection closed %v", failure.Server, channel.IsClosed(), connection.IsClosed())
	}
	openChannel(t, connection)
}

func TestNotifyCloseTellsWhyAConnectionWasClosed(t *testing.T) {
	connection := dial(t)
	channel := openChannel(t, connection)
	closed := connection.NotifyClose(make(chan *amqp.Error, 1))
	queue := temporaryQueue(t, channel, nil)
	must(t, channel.PublishWithContext(t.Context(), "", queue, false, true, text("immediate")))
	failure := receive(t, closed, "connection close")
	expectError(t, failure, amqp.NotImplemented, "immediate=true")
	if !failure.Server || !strings.HasPrefix(failure.Reason, "NOT_IMPLEMENTED") {
		t.Fatalf("got %v", failure)
	}
}
