"""What use cases are made of: a deployment found in the cloud, its machine, secrets, host keys, names and cost."""
