"""How long the parts of miglab take and how much memory they need: ``python -m benchmarks``.

Nothing here fails because something was slow; a figure is printed beside its target, with what
dominates it.
"""
