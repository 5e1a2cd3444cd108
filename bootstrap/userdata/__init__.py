"""User-data and the other text that goes to a droplet: values in, text out."""
