"""The session of the transcripts, by aio-pika."""

import asyncio
import os

import aio_pika
from aio_pika.exceptions import ChannelNotFoundEntity, DeliveryError


async def main():
    """Runs it."""
    connection = await aio_pika.connect(os.environ["TRANSCRIPT_URL"])
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    exchange = await channel.declare_exchange("t.exchange", aio_pika.ExchangeType.TOPIC, durable=True)
    queue = await channel.declare_queue("t.queue", durable=True, arguments={"x-max-length": 10})
    await queue.bind(exchange, "a.*")
    message = aio_pika.Message(
        b"hello", content_type="text/plain", delivery_mode=aio_pika.DeliveryMode.PERSISTENT, priority=3,
        correlation_id="c-1", message_id="m-1", headers={"text": "t", "number": 7, "flag": True},
    )
    await exchange.publish(message, "a.b")
    try:
        await exchange.publish(aio_pika.Message(b"lost"), "nobody", mandatory=True)
        raise SystemExit("it was not returned")
    except DeliveryError:
        pass
    await channel.declare_queue("", exclusive=True)
    await channel.set_qos(prefetch_count=2)
    taken = asyncio.get_running_loop().create_future()
    tag = await queue.consume(taken.set_result)
    await (await taken).ack()
    await queue.cancel(tag)
    assert await queue.get(fail=False) is None
    await queue.delete()
    await exchange.delete()
    try:
        await channel.declare_queue("t.absent", passive=True)
        raise SystemExit("it was found")
    except ChannelNotFoundEntity:
        pass
    await connection.close()


asyncio.run(main())
