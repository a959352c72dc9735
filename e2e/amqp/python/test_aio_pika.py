"""The asyncio client: robust connections, confirms, consumers, exceptions, RPC."""

import asyncio

import aio_pika
import aiormq
import pytest

DEADLINE = 10


def run(broker, scenario):
    """Runs `scenario(channel)` on a connection of aio-pika."""
    async def whole():
        connection = await aio_pika.connect_robust(broker.url, timeout=DEADLINE)
        async with connection:
            return await asyncio.wait_for(scenario(await connection.channel(on_return_raises=True)), DEADLINE)
    return asyncio.run(whole())


def test_publish_is_confirmed_and_consumed(broker, name):
    """Publish waits for the confirm; the queue iterator yields in order."""
    queue_name = name()

    async def scenario(channel):
        await channel.set_qos(prefetch_count=10)
        queue = await channel.declare_queue(queue_name, durable=True)
        for number in range(20):
            confirmed = await channel.default_exchange.publish(
                aio_pika.Message(str(number).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                                 headers={"n": number}), queue_name)
            assert confirmed is not None
        taken = []
        async with queue.iterator() as messages:
            async for message in messages:
                async with message.process():
                    taken.append((int(message.body), message.headers["n"], message.redelivered))
                if len(taken) == 20:
                    break
        return taken

    assert run(broker, scenario) == [(number, number, False) for number in range(20)]


def test_unroutable_publish_raises(broker):
    """A mandatory publish without a queue raises DeliveryError with the return."""
    async def scenario(channel):
        with pytest.raises(aio_pika.exceptions.DeliveryError) as caught:
            await channel.default_exchange.publish(aio_pika.Message(b"m"), "t-nowhere", mandatory=True)
        return caught.value.message.delivery.reply_text

    assert run(broker, scenario) == "NO_ROUTE"


def test_missing_queue_raises(broker, name):
    """A passive declare of a missing queue raises its own exception."""
    missing = name()

    async def scenario(channel):
        with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity) as caught:
            await channel.declare_queue(missing, passive=True)
        return str(caught.value)

    assert f"NOT_FOUND - no queue '{missing}' in vhost '/'" in run(broker, scenario)


def test_inequivalent_declare_raises(broker, name):
    """A declare that differs raises ChannelPreconditionFailed."""
    queue_name = name()

    async def scenario(channel):
        await channel.declare_queue(queue_name)
        with pytest.raises(aio_pika.exceptions.ChannelPreconditionFailed):
            await channel.declare_queue(queue_name, durable=True)

    run(broker, scenario)


def test_exclusive_queue_of_another_raises(broker, name):
    """An exclusive queue of another connection raises ChannelLockedResource."""
    queue_name = name()

    async def scenario(channel):
        other = await aio_pika.connect_robust(broker.url)
        async with other:
            await (await other.channel()).declare_queue(queue_name, exclusive=True)
            with pytest.raises(aiormq.exceptions.ChannelLockedResource):
                await channel.declare_queue(queue_name, exclusive=True)

    run(broker, scenario)


def test_transaction(broker, name):
    """A transaction commits on leaving the block and rolls back on an exception."""
    queue_name = name()

    async def scenario(plain):
        connection = await aio_pika.connect(broker.url)
        async with connection:
            channel = await connection.channel(publisher_confirms=False)
            queue = await plain.declare_queue(queue_name)
            async with channel.transaction():
                await channel.default_exchange.publish(aio_pika.Message(b"kept"), queue_name)
            with pytest.raises(RuntimeError):
                async with channel.transaction():
                    await channel.default_exchange.publish(aio_pika.Message(b"gone"), queue_name)
                    raise RuntimeError
            first = await queue.get(no_ack=True)
            return first.body, await queue.get(no_ack=True, fail=False)

    assert run(broker, scenario) == (b"kept", None)


def test_remote_procedure_calls(broker, name):
    """aio-pika's own RPC pattern, which uses an exclusive queue and dead letters."""
    method_name = name("rpc")

    async def scenario(channel):
        async def multiply(*, x, y):
            return x * y
        rpc = await aio_pika.patterns.RPC.create(channel)
        await rpc.register(method_name, multiply, auto_delete=True)
        return [await rpc.call(method_name, kwargs={"x": x, "y": 3}) for x in range(5)]

    assert run(broker, scenario) == [0, 3, 6, 9, 12]


def test_many_channels_at_once(broker, name):
    """Fifty channels of one connection publish and consume at the same time."""
    queue_name = name()

    async def scenario(channel):
        connection = await aio_pika.connect(broker.url)
        async with connection:
            queue = await channel.declare_queue(queue_name)

            async def publisher(number):
                own = await connection.channel()
                for piece in range(10):
                    await own.default_exchange.publish(aio_pika.Message(f"{number}-{piece}".encode()), queue_name)
            await asyncio.gather(*(publisher(number) for number in range(50)))
            taken = {}
            for _ in range(500):
                number, piece = (await queue.get(no_ack=True)).body.decode().split("-")
                taken.setdefault(number, []).append(int(piece))
            return taken

    assert run(broker, scenario) == {str(number): list(range(10)) for number in range(50)}
