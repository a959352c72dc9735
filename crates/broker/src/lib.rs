//! Exchanges, bindings, queues and cursors over the log; synchronous, with `now` as an argument.
