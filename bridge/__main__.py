"""`python -m bridge`, the same as `apim-bridge`."""

from bridge.cli import main

main()
