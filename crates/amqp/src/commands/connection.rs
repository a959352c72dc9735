//! Class connection: the handshake, the limits, and the end.

use crate::Identity;
use crate::auth::{Login, MECHANISMS};
use crate::codec::{
    ConnectionClose, ConnectionCloseOk, ConnectionOpen, ConnectionOpenOk, ConnectionStart, ConnectionStartOk,
    ConnectionTune, ConnectionTuneOk, ConnectionUpdateSecret, ConnectionUpdateSecretOk, Method, MethodId, Table,
    TableWriter, Value, write_method,
};
use crate::error::broker::login_refused;
use crate::error::{Code, Refused};
use crate::limits::FRAME_MAX_MIN;
use crate::link::{Admission, Client, Link, hold};
use crate::mapping::headers;
use crate::names;
use crate::session::{AmqpSession, Phase};
use narumq_door::Context;
use narumq_model::Lsn;

/// What clients may rely on, under the names that they ask for.
const CAPABILITIES: [&[u8]; 9] = [
    b"publisher_confirms",
    b"exchange_exchange_bindings",
    b"basic.nack",
    b"consumer_cancel_notify",
    b"connection.blocked",
    b"consumer_priorities",
    b"authentication_failure_close",
    b"per_consumer_qos",
    b"direct_reply_to",
];

impl AmqpSession {
    /// `connection.start`: what we are.
    pub(crate) fn start(&mut self, cx: &mut Context<'_>) {
        let (own, told) = (Identity::Own.told(), self.settings.identity.told());
        let mut properties = Vec::with_capacity(512);
        let mut table = TableWriter::new(&mut properties);
        table
            .table(b"capabilities", |table| {
                for name in CAPABILITIES {
                    table.entry(name, Value::Bool(true));
                }
            })
            .long_string(b"actual_product", own[0].as_bytes())
            .long_string(b"actual_version", own[1].as_bytes())
            .long_string(b"cluster_name", b"narumq")
            .long_string(b"information", b"AMQP 0-9-1")
            .long_string(b"platform", b"Rust")
            .long_string(b"product", told[0].as_bytes())
            .long_string(b"version", told[1].as_bytes());
        let start = ConnectionStart {
            version_major: 0,
            version_minor: 9,
            server_properties: table.finish(),
            mechanisms: MECHANISMS,
            locales: b"en_US",
        };
        write_method(cx.out.main(), 0, &start);
        self.phase = Phase::Start;
    }

    /// Serves a method on channel 0.
    pub(crate) fn serve_connection(&mut self, method: &Method<'_>, cx: &mut Context<'_>) -> Result<(), Refused> {
        match (self.phase, method) {
            (Phase::Start, Method::ConnectionStartOk(method)) => self.log_in(method, cx),
            (Phase::Tune, Method::ConnectionTuneOk(method)) => self.tuned(*method, cx),
            (Phase::Open, Method::ConnectionOpen(method)) => self.open_vhost(method, cx),
            (Phase::Running, Method::ConnectionUpdateSecret(method)) => self.update_secret(method, cx),
            (Phase::Start | Phase::Tune | Phase::Open | Phase::Running, Method::ConnectionClose(_)) => {
                self.close_asked(cx);
                Ok(())
            }
            (phase, _) => {
                let text = format!("unexpected method in connection state {}", phase.name());
                Err(Refused::new(Code::ChannelError, text))
            }
        }
    }

    fn log_in(&mut self, method: &ConnectionStartOk<'_>, cx: &mut Context<'_>) -> Result<(), Refused> {
        let capabilities = method.client_properties.get(b"capabilities").and_then(|value| value.as_table());
        let can = |name: &[u8]| capabilities.and_then(|table: Table<'_>| table.get(name)) == Some(Value::Bool(true));
        self.client = Client {
            cancel_notify: can(b"consumer_cancel_notify"),
            blocked: can(b"connection.blocked"),
            failure_close: can(b"authentication_failure_close"),
        };
        self.listing.client_properties = headers(method.client_properties);
        let login = Login::read(method.mechanism, method.response)?;
        match cx.broker.authenticate(login.user, login.password, self.loopback) {
            Ok(user) => (self.user, self.listing.mechanism) = (Some(user), login.mechanism),
            Err(error) => return Err(login_refused(error, login.mechanism)),
        }
        let tune = ConnectionTune {
            channel_max: self.settings.channel_max,
            frame_max: self.settings.frame_max,
            heartbeat: self.settings.heartbeat,
        };
        write_method(cx.out.main(), 0, &tune);
        self.phase = Phase::Tune;
        Ok(())
    }

    fn tuned(&mut self, method: ConnectionTuneOk, cx: &mut Context<'_>) -> Result<(), Refused> {
        let ConnectionTuneOk { channel_max, frame_max, heartbeat } = method;
        negotiated("frame_max", frame_max, (FRAME_MAX_MIN, self.settings.frame_max))?;
        negotiated("channel_max", channel_max.into(), (1, self.settings.channel_max.into()))?;
        (self.frame_max, self.channel_max) = (frame_max, channel_max);
        self.heartbeat.set(heartbeat, cx.turn.now);
        self.listing.heartbeat_seconds = heartbeat.into();
        self.phase = Phase::Open;
        Ok(())
    }

    fn open_vhost(&mut self, method: &ConnectionOpen<'_>, cx: &mut Context<'_>) -> Result<(), Refused> {
        let name = names::text(method.virtual_host)?;
        let Some(user) = self.user.take() else {
            return Err(Refused::new(Code::CommandInvalid, "login comes first"));
        };
        let vhost = cx.broker.open_vhost(name, &user)?;
        let admission =
            Admission { id: self.id, client: self.client, user, frame_max: self.frame_max, seed: self.info.seed };
        let mut link = Link::new(admission, vhost);
        link.durable = cx.broker.durable();
        self.link = Some(link);
        self.phase = Phase::Running;
        self.enlist(cx);
        write_method(cx.out.main(), 0, &ConnectionOpenOk { known_hosts: b"" });
        Ok(())
    }

    fn update_secret(&mut self, method: &ConnectionUpdateSecret<'_>, cx: &mut Context<'_>) -> Result<(), Refused> {
        let user = self.link.as_ref().map(|link| link.user.clone()).unwrap_or_default();
        if cx.broker.authenticate(&user, method.new_secret, self.loopback).is_err() {
            return Err(Refused::new(Code::NotAllowed, "New secret was refused by one of the backends"));
        }
        write_method(cx.out.lane(0), 0, &ConnectionUpdateSecretOk);
        Ok(())
    }

    /// The client closes the connection: all that it had goes, then it is answered, after all other answers.
    fn close_asked(&mut self, cx: &mut Context<'_>) {
        self.leave(true, cx);
        write_method(cx.out.lane(0), 0, &ConnectionCloseOk);
        cx.out.close();
        self.phase = Phase::Closed;
    }

    /// We close the connection. All that it had goes; its answer is waited for.
    pub(crate) fn refuse_connection(&mut self, refused: &Refused, method: MethodId, cx: &mut Context<'_>) {
        if matches!(self.phase, Phase::Closing | Phase::Silent | Phase::Closed) {
            return;
        }
        if self.phase == Phase::Start && refused.code() == Code::AccessRefused && !self.client.failure_close {
            self.phase = Phase::Silent;
            self.since = cx.turn.now;
            return;
        }
        self.leave(refused.code() == Code::ConnectionForced, cx);
        let (method, text) = (refused.method().unwrap_or(method), refused.text());
        let close = ConnectionClose {
            reply_code: refused.code() as u16,
            reply_text: text.as_bytes(),
            class_id: method.class,
            method_id: method.method,
        };
        write_method(cx.out.lane(0), 0, &close);
        self.phase = Phase::Closing;
        self.since = cx.turn.now;
    }

    /// Ends all channels and gives up what belongs to the connection. What is written to lane 0 from now on comes after
    /// all answers that are held and, `in_order`, after all confirms.
    pub(crate) fn leave(&mut self, in_order: bool, cx: &mut Context<'_>) {
        self.settle_gathered(cx);
        let Some(link) = &mut self.link else { return };
        cx.broker.unregister(link.id);
        cx.turn.counts.connections_closed += 1;
        cx.turn.counts.channels_closed += self.channels.iter().filter(|channel| !channel.closing).count() as u64;
        for mut channel in self.channels.take_all() {
            let number = channel.number;
            if !channel.closing {
                channel.end(link, cx);
                if channel.tell_confirms(cx.broker.durable(), cx) && in_order {
                    hold(cx, number, channel.last_lsn);
                    channel.keep_order(cx.out);
                    channel.tell_confirms(channel.last_lsn, cx);
                }
            }
        }
        let wait = link.last_lsn.max(cx.broker.close_session(link.id, cx.turn));
        link.get = None;
        self.left = true;
        let mut until = if in_order && wait > cx.broker.durable() { wait } else { Lsn(0) };
        until = until.max(cx.out.held_until().unwrap_or_default());
        cx.turn.want_sync(until);
        cx.out.hold_until(0, until);
    }
}

fn negotiated(field: &str, value: u32, (min, max): (u32, u32)) -> Result<(), Refused> {
    let unlimited = if field == "channel_max" && value == 0 { " (no limit)" } else { "" };
    let (than, limit) = if value != 0 && value < min {
        ("lower than the minimum", min)
    } else if max != 0 && (value == 0 || value > max) {
        ("higher than the maximum", max)
    } else {
        return Ok(());
    };
    let text = format!("negotiated {field} = {value}{unlimited} is {than} allowed value ({limit})");
    Err(Refused::new(Code::NotAllowed, text).by(ConnectionTune::ID))
}
