//! SaslHandshake, SaslAuthenticate, and tokens that come by themselves: who the client is.

use crate::codec::messages::auth::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use crate::codec::{ApiKey, DecodeError, ErrorCode};
use crate::link::{Call, LANE, Link, answer};
use crate::login::{Carrier, Login};
use crate::sasl::{Exchange, Failure, Mechanism, Next, Surroundings};
use narumq_broker::User;
use narumq_door::Context;

/// `SaslHandshake`: the mechanism is chosen. In version 0 its tokens then come by themselves.
pub(super) fn handshake(link: &mut Link, request: &SaslHandshakeRequest<'_>, call: Call, cx: &mut Context<'_>) {
    if !link.login.offered {
        let error_code = ErrorCode::IllegalSaslState.code();
        return answer(call, &SaslHandshakeResponse { error_code, ..Default::default() }, cx);
    }
    let chosen = Mechanism::named(request.mechanism);
    let code = if chosen.is_some() { ErrorCode::None } else { ErrorCode::UnsupportedSaslMechanism };
    let mechanisms = Mechanism::ALL.map(Mechanism::name).to_vec();
    answer(call, &SaslHandshakeResponse { error_code: code.code(), mechanisms }, cx);
    let Some(mechanism) = chosen else { return link.login.fail(cx.turn.now) };
    let carrier = if call.version == 0 { Carrier::Bare } else { Carrier::Framed };
    let exchange = Exchange::new(mechanism, format!("{:032x}", link.unique()));
    link.login.begin(exchange, carrier, cx.turn.now);
}

/// `SaslAuthenticate`: one token.
pub(super) fn authenticate(link: &mut Link, request: &SaslAuthenticateRequest<'_>, call: Call, cx: &mut Context<'_>) {
    if !link.login.offered {
        let text = "SaslAuthenticate request received, but nobody can log in here";
        return refuse(ErrorCode::IllegalSaslState, text, call, cx);
    }
    match token(link, request.auth_bytes, cx) {
        Ok(token) => answer(call, &SaslAuthenticateResponse { auth_bytes: &token, ..Default::default() }, cx),
        Err(text) => {
            refuse(ErrorCode::SaslAuthenticationFailed, &text, call, cx);
            link.login.fail(cx.turn.now);
        }
    }
}

fn refuse(code: ErrorCode, text: &str, call: Call, cx: &mut Context<'_>) {
    let (error_code, error_message) = (code.code(), Some(text));
    answer(call, &SaslAuthenticateResponse { error_code, error_message, ..Default::default() }, cx);
}

/// A token that comes by itself, and is answered by one. A failure has no form there: the connection is closed.
///
/// # Errors
/// When it must be.
pub(crate) fn bare_token(link: &mut Link, bytes: &[u8], cx: &mut Context<'_>) -> Result<(), DecodeError> {
    let answer = token(link, bytes, cx).map_err(|_| DecodeError::Api(ApiKey::SaslAuthenticate.key()))?;
    let length = u32::try_from(answer.len()).expect("a token is shorter than a request");
    let out = cx.out.lane(LANE);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&answer);
    Ok(())
}

/// Takes a token of the login that is under way, and gives the one that answers it, or what the client is told.
fn token(link: &mut Link, bytes: &[u8], cx: &mut Context<'_>) -> Result<Vec<u8>, String> {
    let mut login = link.login.under_way.take().ok_or("SaslAuthenticate request received before SaslHandshake")?;
    let around = Surroundings { broker: cx.broker, loopback: link.is_loopback() };
    match login.exchange.token(bytes, around) {
        Ok(Next::Challenge(token)) => {
            link.login.under_way = Some(login);
            Ok(token)
        }
        Ok(Next::Done(user, token)) => admit(link, user, cx).map(|()| token),
        Err(failure) => Err(explain(&failure, login.exchange.mechanism(), &link.login)),
    }
}

/// The user is who it says: it gets its vhost, unless the connection is another user's.
fn admit(link: &mut Link, user: User, cx: &Context<'_>) -> Result<(), String> {
    if let Some(before) = link.login.user.as_ref().filter(|before| **before != user.name) {
        let now = &user.name;
        return Err(format!("Cannot change principals during re-authentication from User.{before}: User.{now}"));
    }
    let vhost = cx.broker.default_vhost().and_then(|vhost| cx.broker.open_vhost(vhost.name(), &user).ok());
    let refused = || format!("Authentication failed: user {} may not enter the virtual host", user.name);
    link.vhost = Some(vhost.ok_or_else(refused)?);
    link.login.user = Some(user.name);
    Ok(())
}

/// What the client is told, in Apache Kafka's words where it has some.
fn explain(failure: &Failure, mechanism: Mechanism, login: &Login) -> String {
    let again = if login.user.is_some() { "re-" } else { "" };
    match failure {
        Failure::Credentials => format!(
            "Authentication failed during {again}authentication due to invalid credentials with SASL mechanism {}",
            mechanism.name()
        ),
        Failure::Password => "Authentication failed: Invalid username or password".into(),
        Failure::Missing(what) => format!("Authentication failed: {what} not specified"),
        Failure::Authorization => {
            "Authentication failed: Client requested an authorization id that is different from username".into()
        }
        Failure::LoopbackOnly(user) => format!("Authentication failed: user {user} can only log in via localhost"),
    }
}
