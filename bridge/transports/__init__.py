"""How bytes reach a destination, and how listeners speak TLS."""
