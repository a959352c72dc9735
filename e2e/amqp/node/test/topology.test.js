// Declaring, binding and deleting exchanges and queues, and the errors for what does not fit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedBroker } from '../support/broker.js';
import { connect, Inbox, nextEvent, publishConfirmed, temporaryQueue, texts, unique } from '../support/client.js';

const broker = sharedBroker();

test('the server names its capabilities', async (t) => {
  const connection = await connect(t, broker.url, { clientProperties: { connection_name: 'e2e capabilities' } });
  const { product, version, capabilities } = connection.connection.serverProperties;
  assert.ok(product.length > 0);
  assert.ok(version.length > 0);
  const expected = ['publisher_confirms', 'exchange_exchange_bindings', 'basic.nack', 'consumer_cancel_notify'];
  expected.push('connection.blocked', 'consumer_priorities', 'authentication_failure_close', 'per_consumer_qos');
  for (const name of [...expected, 'direct_reply_to']) assert.equal(capabilities[name], true, name);
});

test('a direct exchange routes by its bindings, and unbinding ends it', async (t) => {
  const channel = await (await connect(t, broker.url)).createConfirmChannel();
  const exchange = unique('direct');
  await channel.assertExchange(exchange, 'direct', { durable: true, autoDelete: true });
  const first = await temporaryQueue(channel);
  const second = await temporaryQueue(channel);
  await channel.bindQueue(first, exchange, 'red');
  await channel.bindQueue(first, exchange, 'blue');
  await channel.bindQueue(second, exchange, 'blue');
  await publishConfirmed(channel, exchange, 'red', 'r');
  await publishConfirmed(channel, exchange, 'blue', 'b');
  await publishConfirmed(channel, exchange, 'green', 'g');
  assert.equal((await channel.checkQueue(first)).messageCount, 2);
  assert.equal((await channel.checkQueue(second)).messageCount, 1);

  await channel.unbindQueue(first, exchange, 'blue');
  await publishConfirmed(channel, exchange, 'blue', 'b2');
  assert.equal((await channel.purgeQueue(first)).messageCount, 2);
  assert.equal((await channel.deleteQueue(second)).messageCount, 2);
});

test('topic, fanout and headers exchanges route by their rules', async (t) => {
  const channel = await (await connect(t, broker.url)).createConfirmChannel();
  const cases = [
    ['topic', 'log.*.error', undefined, { key: 'log.disk.error' }, { key: 'log.disk.io.error' }],
    ['topic', 'log.#', undefined, { key: 'log' }, { key: 'audit.log' }],
    ['fanout', 'ignored', undefined, { key: 'anything' }, undefined],
    ['headers', '', { 'x-match': 'all', a: 1, b: 'x' }, { headers: { a: 1, b: 'x', c: 2 } }, { headers: { a: 1 } }],
    ['headers', '', { 'x-match': 'any', a: 1, b: 'x' }, { headers: { b: 'x' } }, { headers: { b: 'y' } }],
  ];
  for (const [type, pattern, bindingArguments, match, miss] of cases) {
    const exchange = unique(type);
    await channel.assertExchange(exchange, type, { durable: false, autoDelete: true });
    const queue = await temporaryQueue(channel);
    await channel.bindQueue(queue, exchange, pattern, bindingArguments);
    for (const message of [match, miss].filter(Boolean)) {
      const text = message === match ? 'match' : 'miss';
      await publishConfirmed(channel, exchange, message.key ?? '', text, { headers: message.headers });
    }
    const inbox = await Inbox.consume(channel, queue, { noAck: true });
    assert.deepEqual(texts(await inbox.takeMany(1)), ['match'], `${type} ${pattern}`);
    assert.equal((await channel.checkQueue(queue)).messageCount, 0);
    assert.equal(inbox.pending, 0, `${type} ${pattern} let a message through that it must not`);
  }
});

test('an equal redeclaration is accepted, a different one closes only its channel', async (t) => {
  const connection = await connect(t, broker.url);
  const channel = await connection.createChannel();
  const queue = unique('redeclare');
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-expires': 60_000 } });
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-expires': 60_000 } });

  const failing = await connection.createChannel();
  const closed = nextEvent(failing, 'error');
  await assert.rejects(failing.assertQueue(queue, { durable: false, arguments: { 'x-expires': 60_000 } }), (error) => {
    assert.equal(error.code, 406);
    const text = `inequivalent arg 'durable' for queue '${queue}' in vhost '/': received 'false' but current is 'true'`;
    assert.ok(error.message.includes(`PRECONDITION_FAILED - ${text}`), error.message);
    return true;
  });
  assert.equal((await closed)[0].code, 406);
  assert.equal((await channel.deleteQueue(queue)).messageCount, 0);
});

test('a missing queue or exchange is 404, deleting it is not an error', async (t) => {
  const connection = await connect(t, broker.url);
  const missing = unique('missing');
  for (const [kind, check] of [['queue', 'checkQueue'], ['exchange', 'checkExchange']]) {
    const channel = await connection.createChannel();
    channel.on('error', () => {}); // the rejection below carries it
    await assert.rejects(channel[check](missing), (error) => {
      assert.equal(error.code, 404);
      assert.ok(error.message.includes(`NOT_FOUND - no ${kind} '${missing}' in vhost '/'`), error.message);
      return true;
    });
  }
  const channel = await connection.createChannel();
  assert.equal((await channel.deleteQueue(missing)).messageCount, 0);
  await channel.deleteExchange(missing);
});

test('an exclusive queue is locked for other connections', async (t) => {
  const owner = await (await connect(t, broker.url)).createChannel();
  const queue = await temporaryQueue(owner);
  assert.match(queue, /^amq\.gen-/);
  const other = await (await connect(t, broker.url)).createChannel();
  other.on('error', () => {}); // the rejection below carries it
  await assert.rejects(other.checkQueue(queue), (error) => error.code === 405 && /RESOURCE_LOCKED/.test(error.message));
});

test('exchanges bind to exchanges', async (t) => {
  const channel = await (await connect(t, broker.url)).createConfirmChannel();
  const [source, destination] = [unique('source'), unique('destination')];
  await channel.assertExchange(source, 'topic', { durable: false, autoDelete: true });
  await channel.assertExchange(destination, 'fanout', { durable: false, autoDelete: true });
  await channel.bindExchange(destination, source, 'a.*');
  const queue = await temporaryQueue(channel);
  await channel.bindQueue(queue, destination, '');
  await publishConfirmed(channel, source, 'a.1', 'through');
  await publishConfirmed(channel, source, 'b.1', 'not');
  assert.equal((await channel.checkQueue(queue)).messageCount, 1);
  await channel.unbindExchange(destination, source, 'a.*');
});
