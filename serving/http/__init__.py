"""HTTP/1.1: connections with limits; uses nothing of ours."""
