"""What is wrong with a set-up, before a migration costs an outage.

Facts are asked of every host in one pass (``questions/``, one file each, plain POSIX shell), then
judged without a host (``checks/``): facts that were recorded anywhere can be judged here.
"""
