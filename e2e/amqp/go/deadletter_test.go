package e2e

import (
	"reflect"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// deadLettering declares a work queue whose dead messages are delivered on the returned Go channel.
func deadLettering(t *testing.T, channel *amqp.Channel, arguments amqp.Table) (string, <-chan amqp.Delivery) {
	t.Helper()
	exchange := declareExchange(t, channel, amqp.ExchangeFanout, nil)
	dead := temporaryQueue(t, channel, nil)
	must(t, channel.QueueBind(dead, "", exchange, false, nil))
	merged := amqp.Table{"x-dead-letter-exchange": exchange}
	for name, value := range arguments {
		merged[name] = value
	}
	return temporaryQueue(t, channel, merged), consume(t, channel, dead, true)
}

// expectDeath takes one dead-lettered message and checks its only x-death entry, which it returns.
func expectDeath(t *testing.T, deliveries <-chan amqp.Delivery, body, reason, queue string) (amqp.Delivery, amqp.Table) {
	t.Helper()
	delivery := expectBodies(t, deliveries, body)[0]
	deaths, ok := delivery.Headers["x-death"].([]any)
	if !ok || len(deaths) != 1 {
		t.Fatalf("x-death: %#v", delivery.Headers["x-death"])
	}
	death := deaths[0].(amqp.Table)
	equal(t, "count", death["count"], any(int64(1)))
	equal(t, "reason", death["reason"], any(reason))
	equal(t, "queue", death["queue"], any(queue))
	equal(t, "exchange", death["exchange"], any(""))
	if keys := death["routing-keys"]; !reflect.DeepEqual(keys, []any{queue}) {
		t.Fatalf("routing-keys: %#v", keys)
	}
	if age := time.Since(death["time"].(time.Time)); age < -time.Minute || age > 10*time.Minute {
		t.Fatalf("time of death: %v", death["time"])
	}
	equal(t, "first reason", delivery.Headers["x-first-death-reason"], any(reason))
	equal(t, "first queue", delivery.Headers["x-first-death-queue"], any(queue))
	equal(t, "first exchange", delivery.Headers["x-first-death-exchange"], any(""))
	return delivery, death
}

func TestRejectedMessagesAreDeadLettered(t *testing.T) {
	channel := confirming(t)
	work, dead := deadLettering(t, channel, nil)
	publish(t, channel, "", work, amqp.Publishing{Body: []byte("bad"), Headers: amqp.Table{"mine": "kept"}})
	must(t, get(t, channel, work, false).Nack(false, false))
	delivery, _ := expectDeath(t, dead, "bad", "rejected", work)
	equal(t, "routing key", delivery.RoutingKey, work)
	equal(t, "own header", delivery.Headers["mine"], any("kept"))
}

func TestQueueTimeToLiveDeadLetters(t *testing.T) {
	channel := confirming(t)
	work, dead := deadLettering(t, channel, amqp.Table{
		amqp.QueueMessageTTLArg: int32(50), "x-dead-letter-routing-key": "new.key",
	})
	publish(t, channel, "", work, text("old"))
	delivery, _ := expectDeath(t, dead, "old", "expired", work)
	equal(t, "routing key", delivery.RoutingKey, "new.key")
}

func TestMessageExpirationMovesToXDeath(t *testing.T) {
	channel := confirming(t)
	work, dead := deadLettering(t, channel, nil)
	publish(t, channel, "", work, amqp.Publishing{Expiration: "50", Body: []byte("short")})
	delivery, death := expectDeath(t, dead, "short", "expired", work)
	equal(t, "original expiration", death["original-expiration"], any("50"))
	equal(t, "expiration", delivery.Expiration, "")
}

func TestMaxLengthDeadLettersTheOldest(t *testing.T) {
	channel := confirming(t)
	work, dead := deadLettering(t, channel, amqp.Table{amqp.QueueMaxLenArg: int32(1)})
	publish(t, channel, "", work, text("first"))
	publish(t, channel, "", work, text("second"))
	expectDeath(t, dead, "first", "maxlen", work)
	equal(t, "kept", string(get(t, channel, work, true).Body), "second")
}

func TestRepeatedDeathsAreCounted(t *testing.T) {
	channel := confirming(t)
	work, retry := unique("work"), unique("retry")
	for queue, arguments := range map[string]amqp.Table{
		work:  {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": retry},
		retry: {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": work, amqp.QueueMessageTTLArg: int32(20)},
	} {
		_, err := channel.QueueDeclare(queue, false, false, true, false, arguments)
		must(t, err)
	}
	deliveries := consume(t, channel, work, false)
	publish(t, channel, "", work, text("again"))
	for range 3 {
		must(t, expectBodies(t, deliveries, "again")[0].Reject(false))
	}
	deaths := expectBodies(t, deliveries, "again")[0].Headers["x-death"].([]any)
	equal(t, "entries", len(deaths), 2)
	for i, want := range []amqp.Table{{"queue": retry, "reason": "expired"}, {"queue": work, "reason": "rejected"}} {
		death := deaths[i].(amqp.Table)
		equal(t, "queue", death["queue"], want["queue"])
		equal(t, "reason", death["reason"], want["reason"])
		equal(t, "count", death["count"], any(int64(3)))
	}
}
