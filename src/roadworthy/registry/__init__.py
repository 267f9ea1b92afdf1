"""Records of what exists and what serves: artifacts, versions, routes, ledger, nodes."""
