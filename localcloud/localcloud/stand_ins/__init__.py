"""Container images built from Debian where Docker Hub cannot be reached: a Dockerfile each, and their builder."""
