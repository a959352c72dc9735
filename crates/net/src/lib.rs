//! Listeners and the one connection loop: the only room with sockets.
