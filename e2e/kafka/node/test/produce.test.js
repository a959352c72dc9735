// kafkajs produces: codecs, all parts of a message, acks, idempotence, refusals.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompressionTypes } from 'kafkajs';
import { sharedBroker } from '../support/broker.js';
import { connectProducer, HOUR_AGO, Inbox, makeTopic, texts, unique } from '../support/client.js';

const broker = sharedBroker();

for (const [name, compression] of [['none', CompressionTypes.None], ['gzip', CompressionTypes.GZIP]]) {
  test(`codec ${name} comes back`, async (t) => {
    const topic = await makeTopic(t, broker.address);
    const producer = await connectProducer(t, broker.address);
    const sent = Array.from({ length: 100 }, (_, i) => `value ${i} `.repeat(50));
    const [told] = await producer.send({ topic, compression, messages: sent.map((value) => ({ value })) });
    assert.equal(told.baseOffset, '0');
    const inbox = await Inbox.consume(t, broker.address, topic);
    assert.deepEqual(texts(await inbox.take(100)), sent);
  });
}

test('every part of a message comes back', async (t) => {
  const topic = await makeTopic(t, broker.address);
  const producer = await connectProducer(t, broker.address);
  const headers = { plain: 'text', twice: ['1', '2'], binary: Buffer.from([0, 255]) };
  const timestamp = String(HOUR_AGO + 123);
  await producer.send({ topic, messages: [{ key: Buffer.from([0, 255]), value: 'value', headers, timestamp }] });
  const [message] = await (await Inbox.consume(t, broker.address, topic)).take(1);
  assert.deepEqual(message.key, Buffer.from([0, 255]));
  assert.equal(message.value.toString(), 'value');
  assert.equal(message.timestamp, timestamp);
  assert.equal(message.headers.plain.toString(), 'text');
  assert.deepEqual(message.headers.twice.map(String), ['1', '2']);
  assert.deepEqual(message.headers.binary, Buffer.from([0, 255]));
});

test('nothing is not the same as empty', async (t) => {
  const topic = await makeTopic(t, broker.address);
  const producer = await connectProducer(t, broker.address);
  await producer.send({ topic, messages: [{ key: 'k', value: null }, { key: 'k', value: '' }, { value: 'v' }] });
  const got = await (await Inbox.consume(t, broker.address, topic)).take(3);
  assert.deepEqual(got.map((message) => message.value?.toString() ?? null), [null, '', 'v']);
  assert.deepEqual(got.map((message) => message.key?.toString() ?? null), ['k', 'k', null]);
});

for (const acks of [0, 1, -1]) {
  test(`acks ${acks}`, async (t) => {
    const topic = await makeTopic(t, broker.address);
    const producer = await connectProducer(t, broker.address);
    await producer.send({ topic, acks, messages: [{ value: 'a' }, { value: 'b' }] });
    assert.deepEqual(texts(await (await Inbox.consume(t, broker.address, topic)).take(2)), ['a', 'b']);
  });
}

test('an idempotent producer keeps its order', async (t) => {
  const topic = await makeTopic(t, broker.address);
  const producer = await connectProducer(t, broker.address, { idempotent: true, maxInFlightRequests: 1 });
  const sent = Array.from({ length: 60 }, (_, i) => String(i));
  for (let i = 0; i < 60; i += 3) {
    const messages = sent.slice(i, i + 3).map((value) => ({ value }));
    const [told] = await producer.send({ topic, messages });
    assert.equal(told.baseOffset, String(i));
  }
  assert.deepEqual(texts(await (await Inbox.consume(t, broker.address, topic)).take(60)), sent);
});

test('one key, one partition', async (t) => {
  const topic = await makeTopic(t, broker.address, 4);
  const producer = await connectProducer(t, broker.address);
  const messages = Array.from({ length: 40 }, (_, i) => ({ key: `key-${i % 8}`, value: 'v' }));
  await producer.send({ topic, messages });
  const where = new Map();
  for (const message of await (await Inbox.consume(t, broker.address, topic)).take(40)) {
    const key = message.key.toString();
    assert.equal(where.get(key) ?? message.partition, message.partition);
    where.set(key, message.partition);
  }
  assert.ok(new Set(where.values()).size > 1);
});

test('a topic is made when first written', async (t) => {
  const topic = unique('made');
  const producer = await connectProducer(t, broker.address);
  await producer.send({ topic, messages: [{ value: 'first' }] });
  assert.deepEqual(texts(await (await Inbox.consume(t, broker.address, topic)).take(1)), ['first']);
});

test('refusals are told', async (t) => {
  const small = await makeTopic(t, broker.address, 1, { 'max.message.bytes': '10000' });
  const compacted = await makeTopic(t, broker.address, 1, { 'cleanup.policy': 'compact' });
  const producer = await connectProducer(t, broker.address, { retry: { retries: 1 } });
  const refused = (topic, value, type) =>
    assert.rejects(producer.send({ topic, messages: [{ value }] }), (error) => (error.cause ?? error).type === type);
  await refused(small, 'x'.repeat(20_000), 'MESSAGE_TOO_LARGE');
  await refused('a b', 'v', 'INVALID_TOPIC_EXCEPTION');
  // kafkajs knows no error of that number (87); it tells what it got.
  await assert.rejects(producer.send({ topic: compacted, messages: [{ value: 'keyless' }] }));
  assert.equal((await producer.send({ topic: small, messages: [{ value: 'small' }] }))[0].baseOffset, '0');
});
