"""The generated modules and the way methods are mounted, on a real server."""
