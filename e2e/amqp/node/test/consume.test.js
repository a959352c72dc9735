// Consuming: prefetch, ack, nack, reject, get, cancel, priorities and remote procedure calls.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedBroker } from '../support/broker.js';
import { connect, Inbox, publishConfirmed, temporaryQueue, texts } from '../support/client.js';

const broker = sharedBroker();

async function channelWithQueue(t, options) {
  const connection = await connect(t, broker.url);
  const channel = await connection.createConfirmChannel();
  return { connection, channel, queue: await temporaryQueue(channel, options) };
}

async function fill(channel, queue, count) {
  for (let i = 1; i <= count; i += 1) await publishConfirmed(channel, '', queue, `m${i}`);
}

test('prefetch bounds what is unacknowledged', async (t) => {
  const { channel, queue } = await channelWithQueue(t);
  await fill(channel, queue, 10);
  await channel.prefetch(3);
  const inbox = await Inbox.consume(channel, queue);
  const first = await inbox.takeMany(3);
  assert.deepEqual(texts(first), ['m1', 'm2', 'm3']);
  assert.equal((await channel.checkQueue(queue)).messageCount, 7);
  assert.equal(inbox.pending, 0);

  channel.ack(first[0]);
  assert.deepEqual(texts(await inbox.takeMany(1)), ['m4']);
  channel.ack(first[2], true);
  assert.deepEqual(texts(await inbox.takeMany(2)), ['m5', 'm6']);
  assert.equal((await channel.checkQueue(queue)).messageCount, 4);
  channel.ackAll();
  assert.deepEqual(texts(await inbox.takeMany(3)), ['m7', 'm8', 'm9']);
});

test('a nacked message comes again, redelivered and in its place', async (t) => {
  const { channel, queue } = await channelWithQueue(t);
  await fill(channel, queue, 3);
  const got = [];
  for (let i = 0; i < 3; i += 1) got.push(await channel.get(queue));
  assert.deepEqual(got.map((message) => message.fields.redelivered), [false, false, false]);
  channel.nack(got[2], false, true);
  channel.nack(got[0], false, true);
  const again = [await channel.get(queue), await channel.get(queue)];
  assert.deepEqual(texts(again), ['m1', 'm3']);
  assert.deepEqual(again.map((message) => message.fields.redelivered), [true, true]);
  assert.equal(await channel.get(queue), false);
});

test('a rejected message without requeue is gone', async (t) => {
  const { channel, queue } = await channelWithQueue(t);
  await fill(channel, queue, 2);
  channel.reject(await channel.get(queue), false);
  const kept = await channel.get(queue);
  assert.equal(kept.content.toString(), 'm2');
  channel.reject(kept, true);
  const again = await channel.get(queue);
  assert.equal(again.fields.redelivered, true);
  assert.equal(again.fields.messageCount, 0);
});

test('closing a channel requeues what it held, in order', async (t) => {
  const { connection, channel, queue } = await channelWithQueue(t);
  await fill(channel, queue, 4);
  const holder = await connection.createChannel();
  const held = await Inbox.consume(holder, queue);
  await held.takeMany(4);
  await holder.close();
  const inbox = await Inbox.consume(channel, queue);
  const messages = await inbox.takeMany(4);
  assert.deepEqual(texts(messages), ['m1', 'm2', 'm3', 'm4']);
  assert.ok(messages.every((message) => message.fields.redelivered));
});

test('recover redelivers what the channel holds', async (t) => {
  const { channel, queue } = await channelWithQueue(t);
  await fill(channel, queue, 2);
  const inbox = await Inbox.consume(channel, queue);
  await inbox.takeMany(2);
  await channel.recover();
  const again = await inbox.takeMany(2);
  assert.deepEqual(texts(again), ['m1', 'm2']);
  assert.ok(again.every((message) => message.fields.redelivered));
});

test('acknowledging an unknown delivery closes the channel with 406', async (t) => {
  const { connection } = await channelWithQueue(t);
  const channel = await connection.createChannel();
  const failed = new Promise((resolve) => channel.once('error', resolve));
  channel.ack({ fields: { deliveryTag: 99 } });
  const error = await failed;
  assert.equal(error.code, 406);
  assert.ok(error.message.includes('PRECONDITION_FAILED - unknown delivery tag 99'), error.message);
});

test('nothing is delivered after cancel, and deleting a queue cancels its consumer', async (t) => {
  const { channel, queue } = await channelWithQueue(t);
  const cancelled = await Inbox.consume(channel, queue, { noAck: true });
  await channel.cancel(cancelled.tag);
  await fill(channel, queue, 1);
  assert.equal((await channel.checkQueue(queue)).messageCount, 1);
  assert.equal(cancelled.pending, 0);

  const inbox = await Inbox.consume(channel, queue, { noAck: true });
  assert.deepEqual(texts(await inbox.takeMany(1)), ['m1']);
  await channel.deleteQueue(queue);
  assert.equal(await inbox.take(), null);
});

test('consumers take turns, the one of higher priority first', async (t) => {
  const { channel, queue } = await channelWithQueue(t);
  await channel.prefetch(2);
  const low = await Inbox.consume(channel, queue);
  const high = await Inbox.consume(channel, queue, { priority: 10 });
  await fill(channel, queue, 4);
  assert.deepEqual(texts(await high.takeMany(2)), ['m1', 'm2']);
  assert.deepEqual(texts(await low.takeMany(2)), ['m3', 'm4']);
});

test('a priority queue delivers the highest priority first', async (t) => {
  const { channel, queue } = await channelWithQueue(t, { maxPriority: 5 });
  for (const priority of [1, 5, 3, 5, 9]) {
    await publishConfirmed(channel, '', queue, `p${priority}`, { priority });
  }
  const inbox = await Inbox.consume(channel, queue, { noAck: true });
  assert.deepEqual(texts(await inbox.takeMany(5)), ['p5', 'p5', 'p9', 'p3', 'p1']);
});

test('a remote procedure call by direct reply-to', async (t) => {
  const { channel: server, queue } = await channelWithQueue(t);
  await server.consume(queue, (request) => {
    const reply = Buffer.from(request.content.toString().toUpperCase());
    server.sendToQueue(request.properties.replyTo, reply, { correlationId: request.properties.correlationId });
    server.ack(request);
  });
  const client = await (await connect(t, broker.url)).createChannel();
  const replies = await Inbox.consume(client, 'amq.rabbitmq.reply-to', { noAck: true });
  client.sendToQueue(queue, Buffer.from('ping'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: 'call-1' });
  const reply = await replies.take();
  assert.equal(reply.content.toString(), 'PING');
  assert.equal(reply.properties.correlationId, 'call-1');
});
