"""Questions about runs: records in, records out; no harness, one module a question."""
