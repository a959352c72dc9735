//! The storage engine: one group-committed writer log, its files, its recovery.
