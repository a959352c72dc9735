// kafkajs administers: topics, configs, offsets, groups.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import kafkajs from 'kafkajs';
import { sharedBroker } from '../support/broker.js';
import { connectAdmin, connectProducer, HOUR_AGO, Inbox, makeTopic, unique, until } from '../support/client.js';

const { ConfigResourceTypes } = kafkajs; // Node sees no export of that name
const broker = sharedBroker();

async function configsOf(admin, name) {
  const resources = [{ type: ConfigResourceTypes.TOPIC, name }];
  const { resources: [told] } = await admin.describeConfigs({ includeSynonyms: false, resources });
  return Object.fromEntries(told.configEntries.map((entry) => [entry.configName, entry.configValue]));
}

test('a topic is made, told, grown and deleted', async (t) => {
  const admin = await connectAdmin(t, broker.address);
  const topic = unique('made');
  const configEntries = [{ name: 'retention.ms', value: '60000' }];
  assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions: 2, configEntries }] }), true);
  assert.equal(await admin.createTopics({ topics: [{ topic }] }), false); // it exists
  assert.ok((await admin.listTopics()).includes(topic));
  assert.equal((await configsOf(admin, topic))['retention.ms'], '60000');
  await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] });
  await until(async () => {
    const { topics: [told] } = await admin.fetchTopicMetadata({ topics: [topic] });
    return told.partitions.length === 4;
  }, 'four partitions');
  await admin.deleteTopics({ topics: [topic] });
  await until(async () => !(await admin.listTopics()).includes(topic), 'end of the topic');
});

test('refusals are told', async (t) => {
  const admin = await connectAdmin(t, broker.address, { retries: 1 });
  const refused = (promise, type) =>
    assert.rejects(promise, (error) => (error.errors?.[0] ?? error.cause ?? error).type === type);
  await refused(admin.createTopics({ topics: [{ topic: 'a b' }] }), 'INVALID_TOPIC_EXCEPTION');
  const configEntries = [{ name: 'no.such', value: '1' }];
  await refused(admin.createTopics({ topics: [{ topic: unique('odd'), configEntries }] }), 'INVALID_CONFIG');
  await refused(admin.deleteTopics({ topics: [unique('absent')] }), 'UNKNOWN_TOPIC_OR_PARTITION');
});

test('configs are altered', async (t) => {
  const admin = await connectAdmin(t, broker.address);
  const topic = await makeTopic(t, broker.address);
  const configEntries = [{ name: 'retention.ms', value: '2000' }];
  await admin.alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }] });
  await until(async () => (await configsOf(admin, topic))['retention.ms'] === '2000', 'new value');
});

test('offsets are listed, by time too, and records deleted', async (t) => {
  const admin = await connectAdmin(t, broker.address);
  const topic = await makeTopic(t, broker.address);
  const producer = await connectProducer(t, broker.address);
  const messages = [0, 1, 2].map((second) => ({ value: 'v', timestamp: String(HOUR_AGO + second * 1000) }));
  await producer.send({ topic, messages });
  const [ends] = await admin.fetchTopicOffsets(topic);
  assert.deepEqual([ends.low, ends.high], ['0', '3']);
  const [later] = await admin.fetchTopicOffsetsByTimestamp(topic, HOUR_AGO + 500);
  assert.equal(later.offset, '1');
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
  const [moved] = await admin.fetchTopicOffsets(topic);
  assert.deepEqual([moved.low, moved.high], ['2', '3']);
});

test('groups are listed, described, reset and deleted', async (t) => {
  const admin = await connectAdmin(t, broker.address);
  const topic = await makeTopic(t, broker.address, 2);
  const inbox = await Inbox.consume(t, broker.address, topic);
  await until(() => inbox.has.length === 2, 'assignment');
  assert.ok((await admin.listGroups()).groups.some(({ groupId }) => groupId === inbox.group));
  const { groups: [told] } = await admin.describeGroups([inbox.group]);
  assert.deepEqual([told.state, told.protocolType, told.members.length], ['Stable', 'consumer', 1]);
  const impatient = await connectAdmin(t, broker.address, { retries: 1 });
  const isBusy = (error) => error.groups[0].error.type === 'NON_EMPTY_GROUP';
  await assert.rejects(impatient.deleteGroups([inbox.group]), isBusy);
  await inbox.leave();
  await until(async () => (await admin.describeGroups([inbox.group])).groups[0].state === 'Empty', 'empty group');
  // To store offsets kafkajs joins the group, with nothing to fetch, which takes it five seconds; here three times.
  await admin.setOffsets({ groupId: inbox.group, topic, partitions: [{ partition: 0, offset: '7' }] });
  const [offsets] = await admin.fetchOffsets({ groupId: inbox.group, topics: [topic] });
  const at = Object.fromEntries(offsets.partitions.map(({ partition, offset }) => [partition, offset]));
  assert.deepEqual(at, { 0: '7', 1: '-1' });
  await admin.resetOffsets({ groupId: inbox.group, topic, earliest: true });
  const [reset] = await admin.fetchOffsets({ groupId: inbox.group, topics: [topic], resolveOffsets: true });
  assert.deepEqual(reset.partitions.map(({ offset }) => offset), ['0', '0']);
  await admin.deleteGroups([inbox.group]);
  assert.ok(!(await admin.listGroups()).groups.some(({ groupId }) => groupId === inbox.group));
});

test('the cluster is told', async (t) => {
  const admin = await connectAdmin(t, broker.address);
  const told = await admin.describeCluster();
  assert.equal(told.brokers.length, 1);
  assert.equal(`${told.brokers[0].host}:${told.brokers[0].port}`, broker.address);
  assert.equal(told.controller, told.brokers[0].nodeId);
  assert.ok(told.clusterId);
});
