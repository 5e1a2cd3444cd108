"""The part that is baked into the image and runs on the droplet, as root. Its contract: docs/architecture.md."""
