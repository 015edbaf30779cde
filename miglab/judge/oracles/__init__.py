"""Whether anything was lost: one oracle for each thing that can be. Pure."""
