//! What a group may say no to.

use narumq_model::Name;

/// An expected no of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRefusal {
    /// The member is not in the group: it shall forget its id and join anew.
    UnknownMember,
    /// The generation is not the group's: the member shall join again.
    IllegalGeneration,
    /// A new generation is being made: the member shall join it.
    RebalanceInProgress,
    /// Protocol type or protocols do not go with those of the other members.
    InconsistentProtocol,
    /// The session timeout lies outside the limits.
    InvalidSessionTimeout,
    /// The member shall join again with this id.
    MemberIdRequired(Name),
    /// Another member has come with the same instance id: this one shall end.
    FencedInstance,
    /// The group has as many members as it may have, or as many ids given out.
    GroupMaxSizeReached,
    /// The id of the group is empty.
    InvalidGroupId,
    /// The group has members.
    NotEmpty,
    /// There is no such group.
    NotFound,
    /// Members of the group read the topic: its offsets stay.
    SubscribedToTopic,
    /// The note beside an offset is too long.
    MetadataTooLarge,
    /// The group has been dropped meanwhile: look it up anew, or let the client try again.
    Dead,
}
