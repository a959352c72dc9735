// Time to live and dead-lettering: who goes where, when, and what x-death says of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedBroker } from '../support/broker.js';
import { connect, Inbox, publishConfirmed, temporaryQueue, texts, unique } from '../support/client.js';

const broker = sharedBroker();

/** A work queue whose dead messages go through `exchange` to the queue `dead`. */
async function deadLettering(t, options = {}, key = undefined) {
  const channel = await (await connect(t, broker.url)).createConfirmChannel();
  const exchange = unique('dlx');
  await channel.assertExchange(exchange, 'topic', { durable: false, autoDelete: true });
  const dead = await temporaryQueue(channel);
  await channel.bindQueue(dead, exchange, '#');
  const work = await temporaryQueue(channel, { deadLetterExchange: exchange, deadLetterRoutingKey: key, ...options });
  return { channel, exchange, work, inbox: await Inbox.consume(channel, dead, { noAck: true }) };
}

/** Checks the newest x-death entry and the x-first-death headers, and returns the entry. */
function checkDeath(message, expected) {
  const { headers } = message.properties;
  const entry = headers['x-death'][0];
  const { count, reason, queue, exchange } = entry;
  assert.deepEqual({ count, reason, queue, exchange, keys: entry['routing-keys'] }, { count: 1, ...expected });
  assert.equal(entry.time['!'], 'timestamp');
  const age = Date.now() / 1000 - entry.time.value;
  assert.ok(age > -60 && age < 600, `time is in seconds: ${entry.time.value}`);
  assert.equal(headers['x-first-death-reason'], expected.reason);
  assert.equal(headers['x-first-death-queue'], expected.queue);
  assert.equal(headers['x-first-death-exchange'], expected.exchange);
  return entry;
}

test('a rejected message is dead-lettered with its history', async (t) => {
  const { channel, work, inbox, exchange } = await deadLettering(t);
  await publishConfirmed(channel, '', work, 'bad', { headers: { mine: 'kept' }, correlationId: 'c' });
  channel.reject(await channel.get(work), false);
  const message = await inbox.take();
  assert.equal(message.content.toString(), 'bad');
  assert.equal(message.fields.exchange, exchange);
  assert.equal(message.fields.routingKey, work);
  assert.equal(message.properties.correlationId, 'c');
  assert.equal(message.properties.headers.mine, 'kept');
  checkDeath(message, { reason: 'rejected', queue: work, exchange: '', keys: [work] });
});

test('a message expires after the time to live of its queue', async (t) => {
  const { channel, work, inbox } = await deadLettering(t, { messageTtl: 50 }, 'expired.key');
  await publishConfirmed(channel, 'amq.direct', work, 'unroutable is not dead-lettered');
  await publishConfirmed(channel, '', work, 'old');
  const message = await inbox.take();
  assert.equal(message.content.toString(), 'old');
  assert.equal(message.fields.routingKey, 'expired.key');
  checkDeath(message, { reason: 'expired', queue: work, exchange: '', keys: [work] });
});

test('a message expires after its own expiration, which is moved to x-death', async (t) => {
  const { channel, work, inbox } = await deadLettering(t, { messageTtl: 3_600_000 });
  await publishConfirmed(channel, '', work, 'short', { expiration: '50' });
  const message = await inbox.take();
  const entry = checkDeath(message, { reason: 'expired', queue: work, exchange: '', keys: [work] });
  assert.equal(entry['original-expiration'], '50');
  assert.equal(message.properties.expiration, undefined);
});

test('a time to live of zero expires what no consumer waits for', async (t) => {
  const { channel, work, inbox } = await deadLettering(t, { messageTtl: 0 });
  await publishConfirmed(channel, '', work, 'nobody waits');
  assert.deepEqual(texts([await inbox.take()]), ['nobody waits']);
  const waiting = await Inbox.consume(channel, work, { noAck: true });
  await publishConfirmed(channel, '', work, 'one waits');
  assert.deepEqual(texts([await waiting.take()]), ['one waits']);
});

test('a queue over its length dead-letters its oldest message', async (t) => {
  const { channel, work, inbox } = await deadLettering(t, { maxLength: 2 });
  for (const text of ['m1', 'm2', 'm3']) await publishConfirmed(channel, '', work, text);
  const message = await inbox.take();
  assert.equal(message.content.toString(), 'm1');
  checkDeath(message, { reason: 'maxlen', queue: work, exchange: '', keys: [work] });
  assert.equal((await channel.checkQueue(work)).messageCount, 2);
});

test('dying again in the same way counts, in another way adds an entry', async (t) => {
  const channel = await (await connect(t, broker.url)).createConfirmChannel();
  const [work, retry] = [unique('work'), unique('retry')];
  const back = { exclusive: true, deadLetterExchange: '' };
  await channel.assertQueue(work, { ...back, deadLetterRoutingKey: retry });
  await channel.assertQueue(retry, { ...back, deadLetterRoutingKey: work, messageTtl: 20 });
  const inbox = await Inbox.consume(channel, work);
  await publishConfirmed(channel, '', work, 'again and again');
  for (let round = 0; round < 3; round += 1) channel.reject(await inbox.take(), false);
  const deaths = (await inbox.take()).properties.headers['x-death'];
  assert.deepEqual(
    deaths.map(({ queue, reason, count }) => ({ queue, reason, count })),
    [
      { queue: retry, reason: 'expired', count: 3 },
      { queue: work, reason: 'rejected', count: 3 },
    ],
  );
});
