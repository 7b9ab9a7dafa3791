"""Every generation of the Langfuse SDKs, unmodified, each in an environment of its own.

``environments`` makes the environments from lock files, ``programs`` holds an application a generation, the
tests say what these must see and what the server must have stored.
"""
