"""Pods as processes of this machine, through one light agent for each host."""
