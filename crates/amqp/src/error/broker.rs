//! The broker's refusals in the code and the words of the wire.

use super::{Code, Refused, exchange_in, queue_in};
use narumq_broker::{
    AuthenticateError, BindError, ConsumeError, DeleteExchangeError, DeleteQueueError, ExchangeInUse, ExclusiveUse,
    InternalExchange, NameOfTopic, NoSuchExchange, NoSuchQueue, OpenVhostError, QueueError, QueueInUse, QueueLocked,
    QueueNotEmpty, RouteError, SingleActiveConsumer,
};

impl From<NoSuchQueue> for Refused {
    fn from(refusal: NoSuchQueue) -> Self {
        Self::not_found(format!("no {}", queue_in(&refusal.queue, &refusal.vhost)))
    }
}

impl From<NoSuchExchange> for Refused {
    fn from(refusal: NoSuchExchange) -> Self {
        Self::not_found(format!("no {}", exchange_in(&refusal.exchange, &refusal.vhost)))
    }
}

impl From<QueueLocked> for Refused {
    fn from(refusal: QueueLocked) -> Self {
        let text = format!(
            "cannot obtain exclusive access to locked {}. It could be originally declared on another connection or the \
             exclusive property value does not match that of the original declaration.",
            queue_in(&refusal.queue, &refusal.vhost)
        );
        Self::new(Code::ResourceLocked, text)
    }
}

impl From<NameOfTopic> for Refused {
    fn from(refusal: NameOfTopic) -> Self {
        Self::failed(format!(
            "inequivalent arg 'x-queue-type' for {}: received 'classic' but current is 'stream'",
            queue_in(&refusal.topic, &refusal.vhost)
        ))
    }
}

impl From<SingleActiveConsumer> for Refused {
    fn from(refusal: SingleActiveConsumer) -> Self {
        let text = format!(
            "cannot obtain access to locked {}. basic.get operations are not supported by classic queues with single \
             active consumer",
            queue_in(&refusal.queue, &refusal.vhost)
        );
        Self::new(Code::ResourceLocked, text)
    }
}

impl From<QueueInUse> for Refused {
    fn from(refusal: QueueInUse) -> Self {
        Self::failed(format!("{} in use", queue_in(&refusal.queue, &refusal.vhost)))
    }
}

impl From<QueueNotEmpty> for Refused {
    fn from(refusal: QueueNotEmpty) -> Self {
        Self::failed(format!("{} not empty", queue_in(&refusal.queue, &refusal.vhost)))
    }
}

impl From<ExchangeInUse> for Refused {
    fn from(refusal: ExchangeInUse) -> Self {
        Self::failed(format!("{} in use", exchange_in(&refusal.exchange, &refusal.vhost)))
    }
}

impl From<ExclusiveUse> for Refused {
    fn from(refusal: ExclusiveUse) -> Self {
        Self::access(format!("{} in exclusive use", queue_in(&refusal.queue, &refusal.vhost)))
    }
}

impl From<InternalExchange> for Refused {
    fn from(refusal: InternalExchange) -> Self {
        Self::access(format!("cannot publish to internal {}", exchange_in(&refusal.exchange, &refusal.vhost)))
    }
}

impl From<QueueError> for Refused {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::NoSuchQueue(refusal) => refusal.into(),
            QueueError::QueueLocked(refusal) => refusal.into(),
            QueueError::SingleActiveConsumer(refusal) => refusal.into(),
            QueueError::NameOfTopic(refusal) => refusal.into(),
        }
    }
}

impl From<DeleteQueueError> for Refused {
    fn from(error: DeleteQueueError) -> Self {
        match error {
            DeleteQueueError::NoSuchQueue(refusal) => refusal.into(),
            DeleteQueueError::QueueLocked(refusal) => refusal.into(),
            DeleteQueueError::QueueInUse(refusal) => refusal.into(),
            DeleteQueueError::QueueNotEmpty(refusal) => refusal.into(),
        }
    }
}

impl From<DeleteExchangeError> for Refused {
    fn from(error: DeleteExchangeError) -> Self {
        match error {
            DeleteExchangeError::ExchangeInUse(refusal) => refusal.into(),
        }
    }
}

impl From<BindError> for Refused {
    fn from(error: BindError) -> Self {
        match error {
            BindError::NoSuchQueue(refusal) => refusal.into(),
            BindError::NoSuchExchange(refusal) => refusal.into(),
            BindError::QueueLocked(refusal) => refusal.into(),
        }
    }
}

impl From<RouteError> for Refused {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::NoSuchExchange(refusal) => refusal.into(),
            RouteError::InternalExchange(refusal) => refusal.into(),
        }
    }
}

impl From<ConsumeError> for Refused {
    fn from(error: ConsumeError) -> Self {
        match error {
            ConsumeError::NoSuchQueue(refusal) => refusal.into(),
            ConsumeError::QueueLocked(refusal) => refusal.into(),
            ConsumeError::ExclusiveUse(refusal) => refusal.into(),
        }
    }
}

impl From<OpenVhostError> for Refused {
    fn from(error: OpenVhostError) -> Self {
        match error {
            OpenVhostError::NoSuchVhost(refusal) => {
                Self::new(Code::NotAllowed, format!("vhost {} not found", refusal.vhost))
            }
            OpenVhostError::VhostRefused(refusal) => Self::new(
                Code::NotAllowed,
                format!("access to vhost '{}' refused for user '{}'", refusal.vhost, refusal.user),
            ),
        }
    }
}

/// Every failed login is told the same, so that a stranger does not learn which part was wrong.
pub(crate) fn login_refused(error: AuthenticateError, mechanism: &str) -> Refused {
    match error {
        AuthenticateError::WrongCredentials(_) | AuthenticateError::LoopbackOnly(_) => Refused::access(format!(
            "Login was refused using authentication mechanism {mechanism}. For details see the broker logfile."
        ))
        .whole(),
    }
}
