"""A copy of the backups, pulled with a key that no droplet holds: what protects the past from a droplet that is lost to
somebody else. `run.pull` is the use case."""
