"""Pages for people: traces, sessions, experiments and prompts in a browser, read-only, without JavaScript.

The addresses are those that SDKs print. ``access`` says who may see what, ``rendering`` how a page is made;
``tree``, ``content`` and ``values`` are pure; the other modules are the pages.
"""
