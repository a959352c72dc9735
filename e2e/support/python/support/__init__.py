"""What every Python suite stands on: the broker's process, its log beside a failed test, programs, waiting, sockets."""
