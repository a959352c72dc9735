// Small pieces every test uses: clients that close themselves, fresh topics, deadlines, an inbox.

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel, Partitioners } from 'kafkajs';

/** Longest wait for one event, generous for a loaded machine. */
export const DEADLINE_MS = 30_000;

/** An hour ago in whole seconds of milliseconds: records of other years would be deleted by retention. */
export const HOUR_AGO = Math.floor(Date.now() / 1000 - 3600) * 1000;

/** A name no other test or earlier run has used. */
export function unique(what) {
  return `e2e.node.${what}.${randomBytes(6).toString('hex')}`;
}

const cleanups = new WeakMap();

/** Runs `action` when the test `t` ends; the last one registered runs first, unlike `t.after`. */
export function atEnd(t, action) {
  if (!cleanups.has(t)) {
    cleanups.set(t, []);
    t.after(async () => {
      for (const cleanup of cleanups.get(t).reverse()) await cleanup();
    });
  }
  cleanups.get(t).push(action);
}

/** A client of the broker at this address that says nothing and tries again soon. */
export function kafka(address, patience = {}) {
  const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 100, ...patience };
  return new Kafka({ brokers: [address], clientId: 'e2e', logLevel: logLevel.NOTHING, retry });
}

/** A connected producer; it is disconnected when the test ends. */
export async function connectProducer(t, address, options = {}) {
  const producer = kafka(address).producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options });
  await producer.connect();
  atEnd(t, () => producer.disconnect());
  return producer;
}

/** A connected admin client. */
export async function connectAdmin(t, address, patience) {
  const admin = kafka(address, patience).admin();
  await admin.connect();
  atEnd(t, () => admin.disconnect());
  return admin;
}

/** A topic that goes away with the test. */
export async function makeTopic(t, address, numPartitions = 1, configs = {}) {
  const admin = await connectAdmin(t, address);
  const topic = unique('topic');
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: true });
  atEnd(t, () => admin.deleteTopics({ topics: [topic] }).catch(() => {})); // the broker may be gone, or the topic
  // Apache Kafka says for a moment that it does not know the topic, or is not its leader.
  const told = () => admin.fetchTopicOffsets(topic).catch(() => []);
  await until(async () => (await told()).length === numPartitions, 'leaders');
  return topic;
}

/** Rejects when `promise` has not settled in time; `what` names the event that did not come. */
export function within(promise, what, milliseconds = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Looks again and again until `look` returns something true. */
export async function until(look, what) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`no ${what} within ${DEADLINE_MS} ms`);
    await delay(20);
  }
}

/** A consumer of a group whose messages wait to be taken. */
export class Inbox {
  messages = [];
  joins = [];
  #taken = 0;

  /** Joins `group` and consumes `topic` from its start. */
  static async consume(t, address, topic, group = unique('group'), options = {}) {
    const { fromBeginning = true, autoCommit = false, ...more } = options;
    const inbox = new Inbox();
    inbox.topic = topic;
    inbox.group = group;
    // A consumer leaves when its last fetch has come back: it is not to wait for five seconds.
    const timing = { heartbeatInterval: 300, sessionTimeout: 10_000, rebalanceTimeout: 20_000, maxWaitTimeInMs: 200 };
    inbox.consumer = kafka(address).consumer({ groupId: group, ...timing, ...more });
    inbox.consumer.on(inbox.consumer.events.GROUP_JOIN, ({ payload }) => inbox.joins.push(payload));
    atEnd(t, () => inbox.leave());
    await inbox.consumer.connect();
    await inbox.consumer.subscribe({ topics: [topic], fromBeginning });
    await inbox.consumer.run({
      autoCommit,
      eachMessage: async ({ partition, message }) => void inbox.messages.push({ partition, ...message }),
    });
    return inbox;
  }

  /** The partitions it has now. */
  get has() {
    return this.joins.at(-1)?.memberAssignment[this.topic] ?? [];
  }

  /** The next `count` messages. */
  async take(count) {
    await until(() => this.messages.length >= this.#taken + count, `${count} messages (got ${this.messages.length})`);
    this.#taken += count;
    return this.messages.slice(this.#taken - count, this.#taken);
  }

  /** Leaves the group. */
  async leave() {
    if (!this.left) await this.consumer.disconnect();
    this.left = true;
  }
}

/** Bodies of messages as text. */
export function texts(messages) {
  return messages.map((message) => message.value?.toString());
}
