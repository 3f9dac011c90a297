"""Models behind a server: what it is, how it is asked, and many requests in flight."""
