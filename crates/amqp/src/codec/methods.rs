//! The table of all classes and methods of AMQP 0-9-1, with RabbitMQ's extensions. This is the one place that says
//! what a method is called, which ids it has, and what its arguments are.
//!
//! `ticket` and the other arguments that the protocol reserves are read and written, but mean nothing.

use super::{ArgumentReader, ArgumentWriter, CodecError, MethodId, MethodSchema, Table, WireMethod};

method_table! {
    class 10 "connection" {
        /// Server: the first method, says which authentication mechanisms there are.
        10 "start" ConnectionStart<'a> {
            version_major: octet, version_minor: octet, server_properties: table, mechanisms: longstr, locales: longstr,
        };
        /// Client: chooses a mechanism and sends its first response.
        11 "start-ok" ConnectionStartOk<'a> {
            client_properties: table, mechanism: shortstr, response: longstr, locale: shortstr,
        };
        /// Server: one more question of the mechanism.
        20 "secure" ConnectionSecure<'a> { challenge: longstr };
        /// Client: the answer to it.
        21 "secure-ok" ConnectionSecureOk<'a> { response: longstr };
        /// Server: proposes limits. 0 means no limit; `heartbeat` is in seconds.
        30 "tune" ConnectionTune { channel_max: short, frame_max: long, heartbeat: short };
        /// Client: settles the limits. 0 means no limit; `heartbeat` is in seconds.
        31 "tune-ok" ConnectionTuneOk { channel_max: short, frame_max: long, heartbeat: short };
        /// Client: enters a virtual host.
        40 "open" ConnectionOpen<'a> { virtual_host: shortstr, capabilities: shortstr, insist: bit };
        /// Server: the connection is ready.
        41 "open-ok" ConnectionOpenOk<'a> { known_hosts: shortstr };
        /// Either: ends the connection, because of the method with these ids (0 and 0 if of none).
        50 "close" ConnectionClose<'a> { reply_code: short, reply_text: shortstr, class_id: short, method_id: short };
        /// Either: the last method of a connection.
        51 "close-ok" ConnectionCloseOk {};
        /// Server: publishes are not read for now. RabbitMQ's extension.
        60 "blocked" ConnectionBlocked<'a> { reason: shortstr };
        /// Server: publishes are read again. RabbitMQ's extension.
        61 "unblocked" ConnectionUnblocked {};
        /// Client: a new credential for the running connection. RabbitMQ's extension.
        70 "update-secret" ConnectionUpdateSecret<'a> { new_secret: longstr, reason: shortstr };
        /// Server: the credential has been taken. RabbitMQ's extension.
        71 "update-secret-ok" ConnectionUpdateSecretOk {};
    }

    class 20 "channel" {
        /// Client: opens the channel of the frame.
        10 "open" ChannelOpen<'a> { out_of_band: shortstr };
        /// Server: the channel is ready.
        11 "open-ok" ChannelOpenOk<'a> { channel_id: longstr };
        /// Either: stops (`active` false) or resumes content on the channel.
        20 "flow" ChannelFlow { active: bit };
        /// Either: confirms the flow.
        21 "flow-ok" ChannelFlowOk { active: bit };
        /// Either: ends the channel, because of the method with these ids (0 and 0 if of none).
        40 "close" ChannelClose<'a> { reply_code: short, reply_text: shortstr, class_id: short, method_id: short };
        /// Either: the last method of a channel.
        41 "close-ok" ChannelCloseOk {};
    }

    class 30 "access" {
        /// Client: asks for an access ticket, as AMQP 0-8 wanted it.
        10 "request" AccessRequest<'a> {
            realm: shortstr, exclusive: bit, passive: bit, active: bit, write: bit, read: bit,
        };
        /// Server: a ticket.
        11 "request-ok" AccessRequestOk { ticket: short };
    }

    class 40 "exchange" {
        /// Client: creates an exchange, or checks it.
        10 "declare" ExchangeDeclare<'a> {
            ticket: short, exchange: shortstr, kind: shortstr,
            passive: bit, durable: bit, auto_delete: bit, internal: bit, nowait: bit, arguments: table,
        };
        /// Server: it exists.
        11 "declare-ok" ExchangeDeclareOk {};
        /// Client: deletes an exchange.
        20 "delete" ExchangeDelete<'a> { ticket: short, exchange: shortstr, if_unused: bit, nowait: bit };
        /// Server: it is gone.
        21 "delete-ok" ExchangeDeleteOk {};
        /// Client: routes from exchange `source` to exchange `destination`. RabbitMQ's extension.
        30 "bind" ExchangeBind<'a> {
            ticket: short, destination: shortstr, source: shortstr, routing_key: shortstr, nowait: bit, arguments: table,
        };
        /// Server: it is bound. RabbitMQ's extension.
        31 "bind-ok" ExchangeBindOk {};
        /// Client: takes such a binding away. RabbitMQ's extension.
        40 "unbind" ExchangeUnbind<'a> {
            ticket: short, destination: shortstr, source: shortstr, routing_key: shortstr, nowait: bit, arguments: table,
        };
        /// Server: it is unbound. RabbitMQ's extension, with an id that is out of the row.
        51 "unbind-ok" ExchangeUnbindOk {};
    }

    class 50 "queue" {
        /// Client: creates a queue, or checks it.
        10 "declare" QueueDeclare<'a> {
            ticket: short, queue: shortstr,
            passive: bit, durable: bit, exclusive: bit, auto_delete: bit, nowait: bit, arguments: table,
        };
        /// Server: it exists; `message_count` counts the ready ones only.
        11 "declare-ok" QueueDeclareOk<'a> { queue: shortstr, message_count: long, consumer_count: long };
        /// Client: routes from an exchange to a queue.
        20 "bind" QueueBind<'a> {
            ticket: short, queue: shortstr, exchange: shortstr, routing_key: shortstr, nowait: bit, arguments: table,
        };
        /// Server: it is bound.
        21 "bind-ok" QueueBindOk {};
        /// Client: drops the ready messages of a queue.
        30 "purge" QueuePurge<'a> { ticket: short, queue: shortstr, nowait: bit };
        /// Server: so many were dropped.
        31 "purge-ok" QueuePurgeOk { message_count: long };
        /// Client: deletes a queue.
        40 "delete" QueueDelete<'a> { ticket: short, queue: shortstr, if_unused: bit, if_empty: bit, nowait: bit };
        /// Server: it is gone, and so many messages with it.
        41 "delete-ok" QueueDeleteOk { message_count: long };
        /// Client: takes a binding away. Has no `nowait`.
        50 "unbind" QueueUnbind<'a> {
            ticket: short, queue: shortstr, exchange: shortstr, routing_key: shortstr, arguments: table,
        };
        /// Server: it is unbound.
        51 "unbind-ok" QueueUnbindOk {};
    }

    class 60 "basic" {
        /// Client: how much may be delivered without acknowledgement.
        10 "qos" BasicQos { prefetch_size: long, prefetch_count: short, global: bit };
        /// Server: so it is.
        11 "qos-ok" BasicQosOk {};
        /// Client: begins a consumer.
        20 "consume" BasicConsume<'a> {
            ticket: short, queue: shortstr, consumer_tag: shortstr,
            no_local: bit, no_ack: bit, exclusive: bit, nowait: bit, arguments: table,
        };
        /// Server: the consumer has begun.
        21 "consume-ok" BasicConsumeOk<'a> { consumer_tag: shortstr };
        /// Either: ends a consumer; from the server because its queue is gone.
        30 "cancel" BasicCancel<'a> { consumer_tag: shortstr, nowait: bit };
        /// Either: the consumer has ended.
        31 "cancel-ok" BasicCancelOk<'a> { consumer_tag: shortstr };
        /// Client: a message; content follows.
        40 "publish" BasicPublish<'a> {
            ticket: short, exchange: shortstr, routing_key: shortstr, mandatory: bit, immediate: bit,
        };
        /// Server: a message that could not be routed; content follows.
        50 "return" BasicReturn<'a> {
            reply_code: short, reply_text: shortstr, exchange: shortstr, routing_key: shortstr,
        };
        /// Server: a message for a consumer; content follows.
        60 "deliver" BasicDeliver<'a> {
            consumer_tag: shortstr, delivery_tag: longlong, redelivered: bit, exchange: shortstr, routing_key: shortstr,
        };
        /// Client: asks for one message.
        70 "get" BasicGet<'a> { ticket: short, queue: shortstr, no_ack: bit };
        /// Server: here it is, and so many remain; content follows.
        71 "get-ok" BasicGetOk<'a> {
            delivery_tag: longlong, redelivered: bit, exchange: shortstr, routing_key: shortstr, message_count: long,
        };
        /// Server: there is none.
        72 "get-empty" BasicGetEmpty<'a> { cluster_id: shortstr };
        /// Client: a delivery is done. Server: a publish is safe (RabbitMQ's extension).
        80 "ack" BasicAck { delivery_tag: longlong, multiple: bit };
        /// Client: a delivery is refused.
        90 "reject" BasicReject { delivery_tag: longlong, requeue: bit };
        /// Client: give back all that is not acknowledged, without an answer.
        100 "recover-async" BasicRecoverAsync { requeue: bit };
        /// Client: give back all that is not acknowledged.
        110 "recover" BasicRecover { requeue: bit };
        /// Server: it has been given back.
        111 "recover-ok" BasicRecoverOk {};
        /// Client: deliveries are refused. Server: a publish was not taken. RabbitMQ's extension.
        120 "nack" BasicNack { delivery_tag: longlong, multiple: bit, requeue: bit };
    }

    class 85 "confirm" {
        /// Client: publishes of this channel shall be confirmed. RabbitMQ's extension.
        10 "select" ConfirmSelect { nowait: bit };
        /// Server: they will be. RabbitMQ's extension.
        11 "select-ok" ConfirmSelectOk {};
    }

    class 90 "tx" {
        /// Client: makes the channel transactional.
        10 "select" TxSelect {};
        /// Server: it is.
        11 "select-ok" TxSelectOk {};
        /// Client: makes publishes and acknowledgements happen.
        20 "commit" TxCommit {};
        /// Server: they have.
        21 "commit-ok" TxCommitOk {};
        /// Client: forgets publishes and acknowledgements.
        30 "rollback" TxRollback {};
        /// Server: they are forgotten.
        31 "rollback-ok" TxRollbackOk {};
    }
}
