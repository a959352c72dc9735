// The broker is killed with SIGKILL under load and started again on its data: what was acknowledged is there, and a
// consumer goes on where it was.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerProcess, skipWithoutOwnBroker } from '../support/broker.js';
import { atEnd, connectProducer, Inbox, makeTopic, texts, until, within } from '../support/client.js';

if (skipWithoutOwnBroker) console.error(`recovery tests ${skipWithoutOwnBroker}`);

async function ownBroker(t) {
  const broker = await BrokerProcess.start();
  atEnd(t, () => broker.dispose());
  return broker;
}

test('the idempotent producer loses and doubles nothing', { skip: skipWithoutOwnBroker }, async (t) => {
  const broker = await ownBroker(t);
  const topic = await makeTopic(t, broker.address);
  const producer = await connectProducer(t, broker.address, { idempotent: true, maxInFlightRequests: 1 });
  let restarted;
  for (let i = 0; i < 600; i += 1) {
    if (i === 300) restarted = broker.kill().then(() => broker.restart());
    await within(producer.send({ topic, messages: [{ value: String(i) }] }), `answer for ${i}`);
  }
  await restarted;
  const inbox = await Inbox.consume(t, broker.address, topic);
  assert.deepEqual(texts(await inbox.take(600)), Array.from({ length: 600 }, (_, i) => String(i)));
});

test('a consumer goes on where it was', { skip: skipWithoutOwnBroker }, async (t) => {
  const broker = await ownBroker(t);
  const topic = await makeTopic(t, broker.address, 2);
  const producer = await connectProducer(t, broker.address);
  const options = { autoCommit: true, sessionTimeout: 30_000 };
  const inbox = await Inbox.consume(t, broker.address, topic, 'group', options);
  await until(() => inbox.has.length === 2, 'assignment');
  const everywhere = (value) => [0, 1].map((partition) => ({ value, partition }));
  await producer.send({ topic, messages: everywhere('before') });
  await inbox.take(2);
  await broker.kill();
  await broker.restart();
  await within(producer.send({ topic, messages: everywhere('after') }), 'answer');
  await until(() => texts(inbox.messages).filter((value) => value === 'after').length === 2, 'messages after');
});
