"""Jobs that come round: a schedule says when, and each of its slots is fired once."""
