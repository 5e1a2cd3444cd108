"""DigitalOcean's HTTP API over the state: what a request means, what it is refused for, how its answer looks."""
