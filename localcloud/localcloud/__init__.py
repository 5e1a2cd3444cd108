"""A DigitalOcean on one machine: its API, and droplets that are real machines. See docs/local-cloud.md."""
