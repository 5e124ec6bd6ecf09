"""Read a version folder without running it; uses wire, proto and the contract."""
