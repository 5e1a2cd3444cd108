"""Backups: streamed to Spaces without a temporary file; they exist when their manifest does, which is written last."""
