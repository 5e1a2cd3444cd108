"""The use cases: what each command does, over ports. They import no adapter."""
