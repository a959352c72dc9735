//! The nouns of the broker: messages, headers, names, ids, policies, limits.
