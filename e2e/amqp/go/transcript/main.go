// Command transcript runs the session of the transcripts by amqp091-go.
package main

import (
	"context"
	"log"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	connection, err := amqp.Dial(os.Getenv("TRANSCRIPT_URL"))
	must(err)
	channel, err := connection.Channel()
	must(err)
	must(channel.ExchangeDeclare("t.exchange", "topic", true, false, false, false, nil))
	_, err = channel.QueueDeclare("t.queue", true, false, false, false, amqp.Table{"x-max-length": int32(10)})
	must(err)
	must(channel.QueueBind("t.queue", "a.*", "t.exchange", false, nil))
	must(channel.Confirm(false))
	publish(channel, "a.b", false, amqp.Publishing{
		ContentType: "text/plain", DeliveryMode: amqp.Persistent, Priority: 3, CorrelationId: "c-1", MessageId: "m-1",
		Headers: amqp.Table{"text": "t", "number": int32(7), "flag": true}, Body: []byte("hello"),
	})
	returned := channel.NotifyReturn(make(chan amqp.Return, 1))
	publish(channel, "nobody", true, amqp.Publishing{Body: []byte("lost")})
	<-returned
	_, err = channel.QueueDeclare("", false, false, true, false, nil)
	must(err)
	must(channel.Qos(2, 0, false))
	// The tag that the client would make up names the program.
	deliveries, err := channel.Consume("t.queue", "tag", false, false, false, false, nil)
	must(err)
	must((<-deliveries).Ack(false))
	must(channel.Cancel("tag", false))
	if _, found, err := channel.Get("t.queue", false); err != nil || found {
		log.Fatal("the queue is not empty", err)
	}
	_, err = channel.QueueDelete("t.queue", false, false, false)
	must(err)
	must(channel.ExchangeDelete("t.exchange", false, false))
	if _, err := channel.QueueDeclarePassive("t.absent", true, false, false, false, nil); err == nil {
		log.Fatal("it was found")
	}
	must(connection.Close())
}

func publish(channel *amqp.Channel, key string, mandatory bool, message amqp.Publishing) {
	confirmed, err := channel.PublishWithDeferredConfirmWithContext(
		context.Background(), "t.exchange", key, mandatory, false, message)
	must(err)
	if !confirmed.Wait() {
		log.Fatal("not confirmed")
	}
}
