// The session of the transcripts, by amqplib.

import assert from 'node:assert';
import { once } from 'node:events';
import amqp from 'amqplib';

const connection = await amqp.connect(process.env.TRANSCRIPT_URL);
const channel = await connection.createConfirmChannel();
channel.on('error', () => {}); // the last question is answered with one
await channel.assertExchange('t.exchange', 'topic', { durable: true });
await channel.assertQueue('t.queue', { durable: true, arguments: { 'x-max-length': 10 } });
await channel.bindQueue('t.queue', 't.exchange', 'a.*');
const properties = {
  contentType: 'text/plain', persistent: true, priority: 3, correlationId: 'c-1', messageId: 'm-1',
  headers: { text: 't', number: 7, flag: true },
};
channel.publish('t.exchange', 'a.b', Buffer.from('hello'), properties);
await channel.waitForConfirms();
const returned = once(channel, 'return');
channel.publish('t.exchange', 'nobody', Buffer.from('lost'), { mandatory: true });
await returned;
await channel.waitForConfirms();
await channel.assertQueue('', { exclusive: true });
await channel.prefetch(2);
const { consumerTag } = await new Promise((resolve) => {
  const started = channel.consume('t.queue', (message) => {
    channel.ack(message);
    resolve(started);
  });
});
await channel.cancel(consumerTag);
assert.equal(await channel.get('t.queue'), false);
await channel.deleteQueue('t.queue');
await channel.deleteExchange('t.exchange');
await assert.rejects(channel.checkQueue('t.absent'));
await connection.close();
