"""A drill: a backup is restored onto a throw-away machine without a way out, compared and reported."""
