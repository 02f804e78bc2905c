"""What the HTTP source serves: one file for each kind of sender."""
