"""How nodes come to conform: facts are read, operations compare and yield, a deploy per role."""
