package e2e

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestNotifyPublishConfirmsEveryMessageInOrder(t *testing.T) {
	channel := openChannel(t, dial(t))
	must(t, channel.Confirm(false))
	const count = 500
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, count))
	queue := unique("confirm")
	_, err := channel.QueueDeclare(queue, true, false, false, false, amqp.Table{amqp.QueueTTLArg: int32(60_000)})
	must(t, err)
	for i := range count {
		must(t, channel.PublishWithContext(t.Context(), "", queue, false, false, persistent(fmt.Sprint(i))))
	}
	for tag := range uint64(count) {
		equal(t, "confirm", receive(t, confirms, "confirm"), amqp.Confirmation{DeliveryTag: tag + 1, Ack: true})
	}
	equal(t, "next sequence number", channel.GetNextPublishSeqNo(), count+1)
	deleted, err := channel.QueueDelete(queue, false, false, false)
	must(t, err)
	equal(t, "messages", deleted, count)
}

func TestNotifyReturnComesBeforeTheConfirm(t *testing.T) {
	channel := openChannel(t, dial(t))
	must(t, channel.Confirm(false))
	returns := channel.NotifyReturn(make(chan amqp.Return, 1))
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	key := unique("nowhere")
	message := amqp.Publishing{
		MessageId: "id-1", CorrelationId: "c-1", Headers: amqp.Table{"attempt": int32(1)}, Body: []byte("come back"),
	}
	must(t, channel.PublishWithContext(t.Context(), amqp.DefaultExchange, key, true, false, message))
	confirmation := receive(t, confirms, "confirm")
	equal(t, "ack", confirmation.Ack, true)
	select {
	case returned := <-returns: // the client hands both on from one goroutine, in the order they came
		equal(t, "code", returned.ReplyCode, amqp.NoRoute)
		equal(t, "text", returned.ReplyText, "NO_ROUTE")
		equal(t, "key", returned.RoutingKey, key)
		equal(t, "body", string(returned.Body), "come back")
		equal(t, "message id", returned.MessageId, "id-1")
		equal(t, "header", returned.Headers["attempt"], any(int32(1)))
	default:
		t.Fatal("confirmed before it was returned")
	}
}

func TestAFullQueueNacks(t *testing.T) {
	channel := confirming(t)
	queue := temporaryQueue(t, channel, amqp.Table{
		amqp.QueueMaxLenArg: int32(2), amqp.QueueOverflowArg: amqp.QueueOverflowRejectPublish,
	})
	var acked []bool
	for range 3 {
		acked = append(acked, publishAcked(t, channel, "", queue, text("m")))
	}
	if !reflect.DeepEqual(acked, []bool{true, true, false}) {
		t.Fatalf("acked: %v", acked)
	}
	equal(t, "ready", ready(t, channel, queue), 2)
}

func TestPropertiesAndHeadersArriveAsSent(t *testing.T) {
	channel := confirming(t)
	queue := temporaryQueue(t, channel, nil)
	when := time.Unix(1_700_000_000, 0).UTC()
	sent := amqp.Publishing{
		ContentType: "text/plain", ContentEncoding: "utf-8", DeliveryMode: amqp.Persistent, Priority: 9,
		CorrelationId: "c", ReplyTo: "r", Expiration: "600000", MessageId: "m", Timestamp: when, Type: "t",
		UserId: "guest", AppId: "a", Body: []byte("body"),
		Headers: amqp.Table{
			"bool": true, "int8": int8(-8), "byte": byte(200), "int16": int16(-16), "uint16": uint16(60_000),
			"int32": int32(-32), "uint32": uint32(4_000_000_000), "int64": int64(-64), "float32": float32(0.5),
			"float64": 0.1, "decimal": amqp.Decimal{Scale: 2, Value: 1999}, "string": "naïve ☃", "nil": nil,
			"bytes": []byte{0, 255, 1}, "time": when, "array": []any{int32(1), "two", amqp.Table{"three": int64(3)}},
			"table": amqp.Table{"nested": amqp.Table{"deeper": false}},
		},
	}
	publish(t, channel, "", queue, sent)
	got := get(t, channel, queue, true)
	got.Headers["time"] = got.Headers["time"].(time.Time).UTC()
	received := amqp.Publishing{
		ContentType: got.ContentType, ContentEncoding: got.ContentEncoding, DeliveryMode: got.DeliveryMode,
		Priority: got.Priority, CorrelationId: got.CorrelationId, ReplyTo: got.ReplyTo, Expiration: got.Expiration,
		MessageId: got.MessageId, Timestamp: got.Timestamp.UTC(), Type: got.Type, UserId: got.UserId, AppId: got.AppId,
		Body: got.Body, Headers: got.Headers,
	}
	if !reflect.DeepEqual(received, sent) {
		t.Fatalf("got  %#v\nwant %#v", received, sent)
	}
}

func TestBodiesOfManySizes(t *testing.T) {
	connection := dialConfig(t, url, amqp.Config{FrameSize: 4096})
	channel := openChannel(t, connection)
	must(t, channel.Confirm(false))
	queue := temporaryQueue(t, channel, nil)
	for _, size := range []int{0, 1, 4087, 4088, 4089, 131_072, 3_000_000} {
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i*31 + size)
		}
		publish(t, channel, "", queue, amqp.Publishing{Body: body})
		if !bytes.Equal(get(t, channel, queue, true).Body, body) {
			t.Fatalf("the body of %d bytes came back different", size)
		}
	}
}

func TestTransactionsCommitAndRollBack(t *testing.T) {
	connection := dial(t)
	channel, watcher := openChannel(t, connection), openChannel(t, connection)
	must(t, channel.Tx())
	queue := temporaryQueue(t, channel, nil)
	send := func(body string) {
		must(t, channel.PublishWithContext(t.Context(), "", queue, false, false, text(body)))
	}
	send("rolled back")
	must(t, channel.TxRollback())
	send("committed")
	must(t, channel.TxCommit())
	equal(t, "ready", ready(t, watcher, queue), 1)
	delivery := get(t, channel, queue, false)
	equal(t, "body", string(delivery.Body), "committed")
	must(t, delivery.Ack(false))
	must(t, channel.TxRollback())
	must(t, delivery.Ack(false)) // the rollback took the first ack back
	must(t, channel.TxCommit())
	equal(t, "ready", ready(t, watcher, queue), 0)
}
