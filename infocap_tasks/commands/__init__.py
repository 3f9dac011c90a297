"""One module a command: ``add`` its flags to the parser, ``run`` it and return the exit status."""
