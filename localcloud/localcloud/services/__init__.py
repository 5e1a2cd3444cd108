"""The servers beside the API (DNS, certificates, Spaces, registry, mail), and what keeps them running."""
