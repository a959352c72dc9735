// Publishing: confirms, mandatory returns, properties and bodies that arrive as they were sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedBroker } from '../support/broker.js';
import { connect, nextEvent, publishConfirmed, temporaryQueue, unique, within } from '../support/client.js';

const broker = sharedBroker();

test('every publish on a confirm channel is confirmed', async (t) => {
  const connection = await connect(t, broker.url);
  const channel = await connection.createConfirmChannel();
  const queue = unique('confirm');
  await channel.assertQueue(queue, { durable: true, expires: 60_000 });
  const count = 500;
  let confirmed = 0;
  for (let i = 0; i < count; i += 1) {
    channel.sendToQueue(queue, Buffer.from(`m${i}`), { persistent: true }, (error) => {
      if (!error) confirmed += 1;
    });
  }
  await within(channel.waitForConfirms(), 'all confirms');
  assert.equal(confirmed, count);
  assert.equal((await channel.deleteQueue(queue)).messageCount, count);
});

test('a publish a full queue rejects is nacked', async (t) => {
  const channel = await (await connect(t, broker.url)).createConfirmChannel();
  const queue = await temporaryQueue(channel, { arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } });
  await publishConfirmed(channel, '', queue, 'fits');
  await assert.rejects(publishConfirmed(channel, '', queue, 'too many'), /nack/);
  assert.equal((await channel.checkQueue(queue)).messageCount, 1);
});

test('an unroutable mandatory message is returned whole, then confirmed', async (t) => {
  const channel = await (await connect(t, broker.url)).createConfirmChannel();
  const order = [];
  const key = unique('nowhere');
  const returned = nextEvent(channel, 'return').then(([message]) => {
    order.push('return');
    return message;
  });
  const options = { mandatory: true, messageId: 'id-1', headers: { attempt: 1 } };
  await publishConfirmed(channel, 'amq.direct', key, 'come back', options).then(() => order.push('confirm'));
  const message = await returned;
  assert.deepEqual(order, ['return', 'confirm']);
  assert.equal(message.fields.replyCode, 312);
  assert.equal(message.fields.replyText, 'NO_ROUTE');
  assert.equal(message.fields.exchange, 'amq.direct');
  assert.equal(message.fields.routingKey, key);
  assert.equal(message.content.toString(), 'come back');
  assert.equal(message.properties.messageId, 'id-1');
  assert.deepEqual(message.properties.headers, { attempt: 1 });
});

test('publishing to a missing exchange closes the channel with 404', async (t) => {
  const connection = await connect(t, broker.url);
  const channel = await connection.createConfirmChannel();
  const failed = nextEvent(channel, 'error');
  const exchange = unique('missing');
  await assert.rejects(publishConfirmed(channel, exchange, 'k', 'lost'));
  const [error] = await failed;
  assert.equal(error.code, 404);
  assert.ok(error.message.includes(`NOT_FOUND - no exchange '${exchange}' in vhost '/'`), error.message);
  await (await connection.createChannel()).close();
});

test('all properties and header types arrive as sent', async (t) => {
  const channel = await (await connect(t, broker.url)).createConfirmChannel();
  const queue = await temporaryQueue(channel);
  const headers = {
    text: 'naïve ☃',
    yes: true,
    no: false,
    nothing: null,
    byte: -5,
    short: -30_000,
    int: 2_000_000_000,
    long: -9_007_199_254_740_991,
    double: 0.1,
    float: { '!': 'float', value: 0.5 },
    unsignedByte: { '!': 'uint8', value: 200 },
    unsignedShort: { '!': 'uint16', value: 60_000 },
    unsignedInt: { '!': 'uint32', value: 4_000_000_000 },
    when: { '!': 'timestamp', value: 1_700_000_000 },
    price: { '!': 'decimal', value: { places: 2, digits: 1999 } },
    bytes: Buffer.from([0, 255, 1, 254]),
    list: [1, 'two', [3], { four: 4 }],
    table: { nested: { deeper: true } },
  };
  const properties = { contentType: 'text/plain', contentEncoding: 'utf-8', priority: 7, correlationId: 'c-1' };
  Object.assign(properties, { replyTo: 'r-1', messageId: 'm-1', timestamp: 1_700_000_001, type: 't', appId: 'app' });
  Object.assign(properties, { userId: 'guest', expiration: '600000', persistent: true });
  await publishConfirmed(channel, '', queue, 'body', { ...properties, headers });
  const message = await channel.get(queue, { noAck: true });
  const { persistent, ...sent } = properties;
  for (const [name, value] of Object.entries(sent)) assert.deepEqual(message.properties[name], value, name);
  assert.equal(message.properties.deliveryMode, 2);
  const plain = { ...headers, float: 0.5, unsignedByte: 200, unsignedShort: 60_000, unsignedInt: 4_000_000_000 };
  assert.deepEqual(message.properties.headers, plain);
});

test('bodies of any size survive frames of 4096 bytes', async (t) => {
  const connection = await connect(t, `${broker.url}?frameMax=4096`);
  assert.equal(connection.connection.frameMax, 4096);
  const channel = await connection.createConfirmChannel();
  const queue = await temporaryQueue(channel);
  const sizes = [0, 1, 4_087, 4_088, 4_089, 8_176, 8_177, 1_000_000];
  for (const size of sizes) {
    const body = Buffer.alloc(size);
    for (let i = 0; i < size; i += 1) body[i] = (i * 31 + size) & 0xff;
    await publishConfirmed(channel, '', queue, body);
    const message = await channel.get(queue, { noAck: true });
    assert.ok(message.content.equals(body), `body of ${size} bytes`);
  }
});
