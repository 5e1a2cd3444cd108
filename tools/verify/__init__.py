"""`make verify-cloud`: the Cloud port's contract suite and one whole life of a deployment, on a real account or on the
local cloud, with a report of every answer that the local cloud would have given otherwise. Nothing it makes stays."""
