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
///
/// # Errors
/// When the connection must be closed, which is answered before.
pub(super) fn handshake(
    link: &mut Link,
    request: &SaslHandshakeRequest<'_>,
    call: Call,
    cx: &mut Context<'_>,
) -> Result<(), DecodeError> {
    if !link.login.offered {
        let error_code = ErrorCode::IllegalSaslState.code();
        answer(call, &SaslHandshakeResponse { error_code, ..Default::default() }, cx);
        return Ok(());
    }
    let chosen = Mechanism::named(request.mechanism);
    let code = if chosen.is_some() { ErrorCode::None } else { ErrorCode::UnsupportedSaslMechanism };
    let mechanisms = Mechanism::ALL.map(Mechanism::name).to_vec();
    answer(call, &SaslHandshakeResponse { error_code: code.code(), mechanisms }, cx);
    let mechanism = chosen.ok_or(DecodeError::Api(ApiKey::SaslHandshake.key()))?;
    let carrier = if call.version == 0 { Carrier::Bare } else { Carrier::Framed };
    let exchange = Exchange::new(mechanism, format!("{:032x}", link.unique()));
    link.login.begin(exchange, carrier, cx.turn.now);
    Ok(())
}

/// `SaslAuthenticate`: one token.
///
/// # Errors
/// When the connection must be closed, which is answered before.
pub(super) fn authenticate(
    link: &mut Link,
    request: &SaslAuthenticateRequest<'_>,
    call: Call,
    cx: &mut Context<'_>,
) -> Result<(), DecodeError> {
    if !link.login.offered {
        let text = "SaslAuthenticate request received, but nobody can log in here";
        refuse(ErrorCode::IllegalSaslState, text, call, cx);
        return Ok(());
    }
    match token(link, request.auth_bytes, cx) {
        Ok(token) => {
            answer(call, &SaslAuthenticateResponse { auth_bytes: &token, ..Default::default() }, cx);
            Ok(())
        }
        Err((code, text)) => {
            refuse(code, &text, call, cx);
            Err(DecodeError::Api(ApiKey::SaslAuthenticate.key()))
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

/// Takes a token of the login that is under way, and gives the one that answers it.
fn token(link: &mut Link, bytes: &[u8], cx: &mut Context<'_>) -> Result<Vec<u8>, (ErrorCode, String)> {
    let Some(mut login) = link.login.under_way.take() else {
        return Err((ErrorCode::IllegalSaslState, "SaslAuthenticate request received before SaslHandshake".into()));
    };
    let around = Surroundings { broker: cx.broker, loopback: link.is_loopback() };
    match login.exchange.token(bytes, around) {
        Ok(Next::Challenge(token)) => {
            link.login.under_way = Some(login);
            Ok(token)
        }
        Ok(Next::Done(user, token)) => match admit(link, user, cx) {
            Ok(()) => Ok(token),
            Err(text) => Err((ErrorCode::SaslAuthenticationFailed, text)),
        },
        Err(failure) => {
            let text = explain(&failure, login.exchange.mechanism(), &link.login);
            Err((ErrorCode::SaslAuthenticationFailed, text))
        }
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
