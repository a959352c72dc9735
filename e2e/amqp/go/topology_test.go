package e2e

import (
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

func declareExchange(t *testing.T, channel *amqp.Channel, kind string, arguments amqp.Table) string {
	t.Helper()
	name := unique(kind)
	must(t, channel.ExchangeDeclare(name, kind, false, true, false, false, arguments))
	return name
}

func TestDeclareBindPublishConsume(t *testing.T) {
	channel := confirming(t)
	exchange, queue := unique("direct"), unique("queue")
	must(t, channel.ExchangeDeclare(exchange, amqp.ExchangeDirect, true, false, false, false, nil))
	declared, err := channel.QueueDeclare(queue, true, false, false, false, amqp.Table{amqp.QueueTTLArg: int32(60_000)})
	must(t, err)
	equal(t, "declared", declared, amqp.Queue{Name: queue})
	must(t, channel.QueueBind(queue, "key", exchange, false, nil))
	publish(t, channel, exchange, "key", persistent("one"))
	publish(t, channel, exchange, "other", persistent("not routed"))
	publish(t, channel, exchange, "key", persistent("two"))
	equal(t, "ready", ready(t, channel, queue), 2)
	for _, delivery := range expectBodies(t, consume(t, channel, queue, false), "one", "two") {
		equal(t, "exchange", delivery.Exchange, exchange)
		equal(t, "routing key", delivery.RoutingKey, "key")
		equal(t, "delivery mode", delivery.DeliveryMode, amqp.Persistent)
		must(t, delivery.Ack(false))
	}
	must(t, channel.QueueUnbind(queue, "key", exchange, nil))
	publish(t, channel, exchange, "key", persistent("unbound"))
	deleted, err := channel.QueueDelete(queue, false, false, false)
	must(t, err)
	equal(t, "messages deleted", deleted, 0)
	must(t, channel.ExchangeDelete(exchange, false, false))
}

func TestTopicPatterns(t *testing.T) {
	channel := confirming(t)
	exchange := declareExchange(t, channel, amqp.ExchangeTopic, nil)
	counts := map[string]int{"#": 5, "a.*": 2, "a.#": 4, "*.b.#": 2, "#.c": 2, "a.b.c": 1, "": 0}
	queues := map[string]string{}
	for pattern := range counts {
		queues[pattern] = temporaryQueue(t, channel, nil)
		must(t, channel.QueueBind(queues[pattern], pattern, exchange, false, nil))
	}
	for _, key := range []string{"a", "a.b", "a.c", "a.b.c", "b.a"} {
		publish(t, channel, exchange, key, text(key))
	}
	for pattern, count := range counts {
		equal(t, "messages of "+pattern, ready(t, channel, queues[pattern]), count)
	}
}

func TestExchangesBindToExchanges(t *testing.T) {
	channel := confirming(t)
	source := declareExchange(t, channel, amqp.ExchangeDirect, nil)
	destination := declareExchange(t, channel, amqp.ExchangeFanout, nil)
	queue := temporaryQueue(t, channel, nil)
	must(t, channel.QueueBind(queue, "", destination, false, nil))
	must(t, channel.ExchangeBind(destination, "through", source, false, nil))
	publish(t, channel, source, "through", text("through"))
	publish(t, channel, source, "not", text("not"))
	equal(t, "ready", ready(t, channel, queue), 1)
	must(t, channel.ExchangeUnbind(destination, "through", source, false, nil))
}

func TestAlternateExchangeTakesWhatIsNotRouted(t *testing.T) {
	channel := confirming(t)
	fallback := declareExchange(t, channel, amqp.ExchangeFanout, nil)
	queue := temporaryQueue(t, channel, nil)
	must(t, channel.QueueBind(queue, "", fallback, false, nil))
	exchange := declareExchange(t, channel, amqp.ExchangeDirect, amqp.Table{"alternate-exchange": fallback})
	publish(t, channel, exchange, "nobody", text("caught"))
	equal(t, "body", string(get(t, channel, queue, true).Body), "caught")
}

func TestDifferingDeclarationsAreRefused(t *testing.T) {
	connection := dial(t)
	channel := openChannel(t, connection)
	queue := unique("redeclare") // the names the server makes are reserved: a client that declares one anew gets 403
	_, err := channel.QueueDeclare(queue, false, false, true, false, amqp.Table{amqp.QueueMaxLenArg: int32(5)})
	must(t, err)
	exchange := declareExchange(t, channel, amqp.ExchangeDirect, nil)
	bound := temporaryQueue(t, channel, nil) // keeps the auto-delete exchange
	must(t, channel.QueueBind(bound, "k", exchange, false, nil))

	failing := openChannel(t, connection)
	_, err = failing.QueueDeclare(queue, false, false, true, false, amqp.Table{amqp.QueueMaxLenArg: int32(6)})
	expectError(t, err, amqp.PreconditionFailed, fmt.Sprintf(
		"PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue '%s' in vhost '/': received '6' but current is '5'", queue))

	failing = openChannel(t, connection)
	err = failing.ExchangeDeclare(exchange, amqp.ExchangeTopic, false, true, false, false, nil)
	expectError(t, err, amqp.PreconditionFailed, fmt.Sprintf(
		"PRECONDITION_FAILED - inequivalent arg 'type' for exchange '%s' in vhost '/': received 'topic' but current is 'direct'", exchange))

	// Integers of another width mean the same.
	_, err = channel.QueueDeclare(queue, false, false, true, false, amqp.Table{amqp.QueueMaxLenArg: int64(5)})
	must(t, err)
}

func TestDeleteRefusesWhatIsInUse(t *testing.T) {
	connection := dial(t)
	channel := openChannel(t, connection)
	must(t, channel.Confirm(false))
	queue := temporaryQueue(t, channel, nil)
	publish(t, channel, "", queue, text("occupied"))
	_, err := openChannel(t, connection).QueueDelete(queue, false, true, false)
	expectError(t, err, amqp.PreconditionFailed, fmt.Sprintf("queue '%s' in vhost '/' not empty", queue))
	expectBodies(t, consume(t, channel, queue, true), "occupied")
	_, err = openChannel(t, connection).QueueDelete(queue, true, false, false)
	expectError(t, err, amqp.PreconditionFailed, fmt.Sprintf("queue '%s' in vhost '/' in use", queue))
}

func TestAutoDeleteQueueGoesWithItsLastConsumer(t *testing.T) {
	connection := dial(t)
	channel := openChannel(t, connection)
	queue, err := channel.QueueDeclare("", false, true, false, false, nil)
	must(t, err)
	_, err = channel.Consume(queue.Name, "only", true, false, false, false, nil)
	must(t, err)
	must(t, channel.Cancel("only", false))
	_, err = channel.QueueDeclarePassive(queue.Name, false, false, false, false, nil)
	expectError(t, err, amqp.NotFound, "")
}
