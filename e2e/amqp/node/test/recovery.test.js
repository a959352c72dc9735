// The broker is killed with SIGKILL while messages are in flight and started again on its data:
// every message it confirmed must be there, in order and once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import amqp from 'amqplib';
import { BrokerProcess, skipWithoutOwnBroker } from '../support/broker.js';
import { atEnd, connect, Inbox, nextEvent, publishConfirmed, texts, unique, within } from '../support/client.js';

const WINDOW = 200;

if (skipWithoutOwnBroker) console.error(`recovery tests ${skipWithoutOwnBroker}`);

async function ownBroker(t) {
  const broker = await BrokerProcess.start();
  atEnd(t, () => broker.dispose());
  return broker;
}

/** Publishes 0, 1, 2, … with at most WINDOW unconfirmed until the connection closes. */
async function publishUntilClosed(connection, channel, exchange, onConfirm) {
  let closed = false;
  let published = 0;
  let confirmed = 0;
  let wake = () => {};
  connection.once('close', () => {
    closed = true;
    wake();
  });
  channel.on('error', () => {}); // the connection is about to be cut
  while (!closed) {
    if (published - confirmed >= WINDOW) {
      await new Promise((resolve) => (wake = resolve));
      continue;
    }
    const number = published;
    published += 1;
    channel.publish(exchange, 'k', Buffer.from(String(number)), { persistent: true }, (error) => {
      if (error) return;
      confirmed += 1;
      onConfirm(number);
      wake();
    });
    if (number % 20 === 19) await new Promise(setImmediate);
  }
  return published;
}

test('confirmed messages survive SIGKILL; transient ones do not', { skip: skipWithoutOwnBroker }, async (t) => {
  const broker = await ownBroker(t);
  const connection = await connect(t, broker.url);
  const channel = await connection.createConfirmChannel();
  const [exchange, queue, transient, mixed] = ['exchange', 'durable', 'transient', 'mixed'].map(unique);
  await channel.assertExchange(exchange, 'direct', { durable: true });
  await channel.assertQueue(queue, { durable: true });
  await channel.bindQueue(queue, exchange, 'k');
  await channel.assertQueue(transient, { durable: false });
  await channel.assertQueue(mixed, { durable: true });
  await publishConfirmed(channel, '', mixed, 'transient', { persistent: false });
  await publishConfirmed(channel, '', mixed, 'persistent', { persistent: true });

  const confirmed = new Set();
  let killed;
  const published = await within(
    publishUntilClosed(connection, channel, exchange, (number) => {
      confirmed.add(number);
      if (confirmed.size >= 1_000) killed ??= broker.kill();
    }),
    'end of the connection',
    30_000,
  );
  await killed;
  await broker.restart();

  const again = await (await connect(t, broker.url)).createConfirmChannel();
  await again.checkExchange(exchange);
  const { messageCount } = await again.checkQueue(queue);
  assert.ok(messageCount >= confirmed.size && messageCount <= published, `${messageCount} of ${confirmed.size}`);
  await again.prefetch(100);
  const inbox = await Inbox.consume(again, queue);
  const numbers = [];
  for (let i = 0; i < messageCount; i += 1) {
    const message = await inbox.take();
    again.ack(message);
    numbers.push(Number(message.content.toString()));
  }
  assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b), 'in order');
  const found = new Set(numbers);
  assert.equal(found.size, numbers.length, 'once each');
  assert.deepEqual([...confirmed].filter((number) => !found.has(number)), [], 'confirmed and lost');

  assert.deepEqual(texts([await again.get(mixed, { noAck: true })]), ['persistent']);
  assert.equal(await again.get(mixed), false);
  await publishConfirmed(again, exchange, 'k', 'the binding is there');
  assert.equal((await inbox.take()).content.toString(), 'the binding is there');
  again.on('error', () => {}); // the rejection below carries it
  await assert.rejects(again.checkQueue(transient), (error) => error.code === 404);
});

test('the recovering connection of amqplib finds its queue again', { skip: skipWithoutOwnBroker }, async (t) => {
  const broker = await ownBroker(t);
  const queue = unique('recovering');
  let channel;
  let inbox;
  const setup = async (connection) => {
    channel = await connection.createConfirmChannel();
    channel.on('error', () => {}); // the connection is cut on purpose
    await channel.assertQueue(queue, { durable: true });
    await channel.prefetch(10);
    inbox = await Inbox.consume(channel, queue);
  };
  const recovery = { initialDelay: 20, maxDelay: 100, setup };
  const connection = await amqp.connect(broker.url, { recovery });
  connection.on('error', () => {}); // followed by 'disconnect'
  atEnd(t, () => connection.close());
  for (let i = 0; i < 20; i += 1) await publishConfirmed(channel, '', queue, `m${i}`, { persistent: true });
  await inbox.takeMany(10); // held, not acknowledged: they must come again

  const disconnected = nextEvent(connection, 'disconnect');
  const connected = nextEvent(connection, 'connect');
  await broker.kill();
  await disconnected;
  await broker.restart();
  await connected;
  await publishConfirmed(channel, '', queue, 'm20', { persistent: true });
  const messages = [];
  while (messages.length < 21) {
    messages.push(await inbox.take());
    channel.ack(messages.at(-1));
  }
  assert.deepEqual(texts(messages), Array.from({ length: 21 }, (_, i) => `m${i}`));
});
