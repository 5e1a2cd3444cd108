"""Disk, memory and requests over the last weeks: a figure each quarter of an hour, on the data volume, so that they
outlive the machine."""
