"""`python -m pixelwise` is the command line."""

from pixelwise.cli.app import main

main()
