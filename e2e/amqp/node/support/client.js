// Small pieces every test uses: connections that close themselves, unique names, deadlines, an inbox.

import { randomBytes } from 'node:crypto';
import amqp from 'amqplib';

/** Longest wait for one event, generous for a loaded machine. */
export const DEADLINE_MS = 20_000;

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

/** Connects, and closes the connection when the test `t` ends, whether it passed or not. */
export async function connect(t, url, socketOptions) {
  const connection = await amqp.connect(url, socketOptions);
  let open = true;
  connection.on('error', () => {}); // reported by 'close' and by the calls in flight
  connection.on('close', () => (open = false));
  atEnd(t, () => (open ? connection.close() : undefined));
  return connection;
}

/** A server-named exclusive queue: it goes away with the connection. */
export async function temporaryQueue(channel, options = {}) {
  return (await channel.assertQueue('', { exclusive: true, ...options })).queue;
}

/** Rejects when `promise` has not settled in time; `what` names the event that did not come. */
export function within(promise, what, milliseconds = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Resolves with the arguments of the next `event`. */
export function nextEvent(emitter, event) {
  return within(new Promise((resolve) => emitter.once(event, (...values) => resolve(values))), `event ${event}`);
}

/** Publishes on a confirm channel and resolves when the broker has confirmed this message. */
export function publishConfirmed(channel, exchange, key, content, options = {}) {
  const confirmed = new Promise((resolve, reject) => {
    channel.publish(exchange, key, Buffer.from(content), options, (error) => (error ? reject(error) : resolve()));
  });
  return within(confirmed, 'confirm');
}

/** Collects deliveries, for tests that await the next few of them. */
export class Inbox {
  #messages = [];
  #waiting = [];

  /** Consumes `queue` into a new inbox; `inbox.tag` is the consumer tag. */
  static async consume(channel, queue, options) {
    const inbox = new Inbox();
    const { consumerTag } = await channel.consume(queue, inbox.accept, options);
    inbox.tag = consumerTag;
    return inbox;
  }

  /** The callback to hand to `channel.consume`; null is a cancel by the broker. */
  accept = (message) => {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(message);
    else this.#messages.push(message);
  };

  /** The number of deliveries that no one has taken. */
  get pending() {
    return this.#messages.length;
  }

  /** The next delivery. */
  take() {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
    return within(new Promise((resolve) => this.#waiting.push(resolve)), 'delivery');
  }

  /** The next `count` deliveries. */
  async takeMany(count) {
    const messages = [];
    while (messages.length < count) messages.push(await this.take());
    return messages;
  }
}

/** Bodies of messages as text. */
export function texts(messages) {
  return messages.map((message) => message.content.toString());
}
