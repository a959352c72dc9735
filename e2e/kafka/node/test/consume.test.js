// kafkajs consumes: places, commits, pauses, groups.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedBroker } from '../support/broker.js';
import { connectAdmin, connectProducer, Inbox, makeTopic, texts, unique, until } from '../support/client.js';

const broker = sharedBroker();

async function filled(t, partitions = 1) {
  const topic = await makeTopic(t, broker.address, partitions);
  const producer = await connectProducer(t, broker.address);
  const messages = ['0', '1', '2', '3', '4'].map((value) => ({ value, partition: 0 }));
  await producer.send({ topic, messages });
  return { topic, producer };
}

/** Waits until the members share all partitions and returns how many each has. */
async function share(partitions, ...members) {
  await until(() => {
    const all = members.flatMap((member) => member.has);
    return all.length === partitions && new Set(all).size === partitions && members.every((member) => member.has.length);
  }, 'shares');
  return members.map((member) => member.has.length);
}

test('from the latest', async (t) => {
  const { topic, producer } = await filled(t);
  const inbox = await Inbox.consume(t, broker.address, topic, unique('group'), { fromBeginning: false });
  await until(() => inbox.has.length, 'assignment');
  await until(async () => {
    await producer.send({ topic, messages: [{ value: 'late' }] });
    return inbox.messages.length;
  }, 'message');
  assert.equal(inbox.messages[0].value.toString(), 'late');
});

test('seek', async (t) => {
  const { topic } = await filled(t);
  const inbox = await Inbox.consume(t, broker.address, topic);
  await inbox.take(5);
  inbox.consumer.seek({ topic, partition: 0, offset: '3' });
  assert.deepEqual(texts(await inbox.take(2)), ['3', '4']);
});

test('what is committed is remembered', async (t) => {
  const { topic } = await filled(t);
  const first = await Inbox.consume(t, broker.address, topic);
  await first.take(5);
  await first.consumer.commitOffsets([{ topic, partition: 0, offset: '3', metadata: 'why' }]);
  await first.leave();
  const admin = await connectAdmin(t, broker.address);
  const [told] = await admin.fetchOffsets({ groupId: first.group, topics: [topic] });
  assert.deepEqual(told.partitions, [{ partition: 0, offset: '3', metadata: 'why' }]);
  const second = await Inbox.consume(t, broker.address, topic, first.group);
  assert.deepEqual(texts(await second.take(2)), ['3', '4']);
});

test('auto commit', async (t) => {
  const { topic } = await filled(t);
  const inbox = await Inbox.consume(t, broker.address, topic, unique('group'), { autoCommit: true });
  await inbox.take(5);
  await inbox.leave();
  const admin = await connectAdmin(t, broker.address);
  const [told] = await admin.fetchOffsets({ groupId: inbox.group, topics: [topic] });
  assert.equal(told.partitions[0].offset, '5');
});

test('pause and resume', async (t) => {
  const { topic, producer } = await filled(t, 2);
  const inbox = await Inbox.consume(t, broker.address, topic);
  await inbox.take(5);
  inbox.consumer.pause([{ topic, partitions: [0] }]);
  await producer.send({ topic, messages: [{ value: 'paused', partition: 0 }, { value: 'other', partition: 1 }] });
  assert.deepEqual(texts(await inbox.take(1)), ['other']);
  inbox.consumer.resume([{ topic, partitions: [0] }]);
  assert.deepEqual(texts(await inbox.take(1)), ['paused']);
});

test('three members share, one leaves', async (t) => {
  const topic = await makeTopic(t, broker.address, 6);
  const group = unique('group');
  const join = () => Inbox.consume(t, broker.address, topic, group, { autoCommit: true });
  const members = await Promise.all([join(), join(), join()]);
  assert.deepEqual(await share(6, ...members), [2, 2, 2]);
  const producer = await connectProducer(t, broker.address);
  const everywhere = (value) => Array.from({ length: 6 }, (_, partition) => ({ value, partition }));
  await producer.send({ topic, messages: everywhere('before') });
  const received = () => members.reduce((sum, member) => sum + member.messages.length, 0);
  await until(() => received() === 6, 'messages before');
  await members[1].leave();
  assert.deepEqual(await share(6, members[0], members[2]), [3, 3]);
  await producer.send({ topic, messages: everywhere('after') });
  const seen = (text) => members.flatMap((member) => texts(member.messages)).filter((value) => value === text).length;
  await until(() => seen('after') === 6, 'messages after');
  assert.equal(seen('before'), 6);
});

test('out of range is reset', async (t) => {
  const { topic } = await filled(t);
  const inbox = await Inbox.consume(t, broker.address, topic);
  await inbox.take(5);
  inbox.consumer.seek({ topic, partition: 0, offset: '99' });
  assert.deepEqual(texts(await inbox.take(5)), ['0', '1', '2', '3', '4']);
});
