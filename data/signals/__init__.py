"""Ctrl-C and SIGTERM where Python cannot answer them: in long calls of libraries, and in other threads."""
