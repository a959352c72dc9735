//! The command line that speaks to a running broker over its management port.
