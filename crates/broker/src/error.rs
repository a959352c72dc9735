//! Refusals: one struct each; one enum per operation lists what that operation may say.

use narumq_model::Name;

macro_rules! refusal {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type),* }
    };
}
macro_rules! operation {
    ($(#[$doc:meta])* $name:ident { $($refusal:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name { $(#[doc = concat!("See [`", stringify!($refusal), "`].")] $refusal($refusal)),* }
        $(impl From<$refusal> for $name { fn from(refusal: $refusal) -> Self { Self::$refusal(refusal) } })*
    };
}

refusal! {
    /// There is no queue of this name in the vhost.
    NoSuchQueue { /** The name asked for. */ queue: Name, /** Where. */ vhost: Name }
}
refusal! {
    /// There is no exchange of this name in the vhost.
    NoSuchExchange { /** The name asked for. */ exchange: Name, /** Where. */ vhost: Name }
}
refusal! {
    /// The queue belongs to another connection.
    QueueLocked { /** The queue. */ queue: Name, /** Where. */ vhost: Name }
}
refusal! {
    /// A topic has the name that was asked for a queue.
    NameOfTopic { /** The name. */ topic: Name, /** Where. */ vhost: Name }
}
refusal! {
    /// The queue has consumers and the deletion asked for none.
    QueueInUse { /** The queue. */ queue: Name, /** Where. */ vhost: Name }
}
refusal! {
    /// The queue has ready messages and the deletion asked for none.
    QueueNotEmpty { /** The queue. */ queue: Name, /** Where. */ vhost: Name }
}
refusal! {
    /// The exchange has bindings and the deletion asked for none.
    ExchangeInUse { /** The exchange. */ exchange: Name, /** Where. */ vhost: Name }
}
refusal! {
    /// A consumer has the queue for itself, or wants it while others consume.
    ExclusiveUse { /** The queue. */ queue: Name, /** Where. */ vhost: Name }
}
refusal! {
    /// The queue serves one consumer at a time and cannot be asked for single messages.
    SingleActiveConsumer { /** The queue. */ queue: Name, /** Where. */ vhost: Name }
}
refusal! {
    /// The exchange takes messages from exchanges only.
    InternalExchange { /** The exchange. */ exchange: Name, /** Where. */ vhost: Name }
}
refusal! {
    /// User or password are wrong.
    WrongCredentials { /** Who claimed to come. */ user: Name }
}
refusal! {
    /// This user may come over loopback only.
    LoopbackOnly { /** Who came. */ user: Name }
}
refusal! {
    /// There is no vhost of this name.
    NoSuchVhost { /** The name asked for. */ vhost: Name }
}
refusal! {
    /// The user has no access to the vhost.
    VhostRefused { /** Where. */ vhost: Name, /** Who. */ user: Name }
}

operation! { /** Finding or declaring a queue. */ QueueError { NoSuchQueue, QueueLocked, SingleActiveConsumer, NameOfTopic } }
operation! { /** Deleting a queue. */ DeleteQueueError { NoSuchQueue, QueueLocked, QueueInUse, QueueNotEmpty } }
operation! { /** Deleting an exchange. */ DeleteExchangeError { ExchangeInUse } }
operation! { /** Binding and unbinding. */ BindError { NoSuchQueue, NoSuchExchange, QueueLocked } }
operation! { /** Routing a message. */ RouteError { NoSuchExchange, InternalExchange } }
operation! { /** Starting a consumer. */ ConsumeError { NoSuchQueue, QueueLocked, ExclusiveUse } }
operation! { /** Proving who one is. */ AuthenticateError { WrongCredentials, LoopbackOnly } }
operation! { /** Entering a vhost. */ OpenVhostError { NoSuchVhost, VhostRefused } }
