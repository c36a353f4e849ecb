"""What this machine can do at best, measured: arithmetic in registers, reading from each cache."""
